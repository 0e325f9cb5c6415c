//! The words of the pages of notices in three languages. The texts in ru and kk are not reviewed
//! yet.

words! {
    notices: "My notices", "Мои уведомления", "Менің хабарламаларым";
    what: "What is told to you stands here. A term that the law counts from a notice begins when its delivery is proved, never before.", "Здесь всё, о чём вас уведомляют. Срок, который закон считает от уведомления, начинается, когда доставка доказана, не раньше.", "Сізге хабарланатынның бәрі осында. Заң хабарламадан есептейтін мерзім жеткізілгені дәлелденгенде басталады, одан бұрын емес.";
    none: "There is no notice to you.", "Уведомлений вам нет.", "Сізге хабарлама жоқ.";
    older: "Older ones", "Более ранние", "Бұрынғылары";
    newer: "Newer ones", "Более новые", "Жаңалары";
    back: "Back to all notices", "Назад ко всем уведомлениям", "Барлық хабарламаларға оралу";
    notice: "Notice", "Уведомление", "Хабарлама";
    no_notice: "You have no such notice.", "Такого вашего уведомления нет.", "Сізде ондай хабарлама жоқ.";
    made: "Made", "Создано", "Жасалған";
    counts: "It counts as delivered since", "Считается доставленным с", "Жеткізілді деп есептелетін уақыты:";
    no_proof: "Nothing proves yet that it reached you: no term runs.", "Доказательства, что оно дошло до вас, ещё нет: срок не идёт.", "Оның сізге жеткені әлі дәлелденген жоқ: мерзім жүрмейді.";
    go: "Go to the matter itself", "Перейти к самому делу", "Істің өзіне өту";
    k_complaint_filed: "Your complaint was taken in", "Ваша жалоба принята", "Шағымыңыз қабылданды";
    k_complaint_decided: "Your complaint was decided", "По вашей жалобе принято решение", "Шағымыңыз бойынша шешім қабылданды";
    k_review_decided: "A person has reviewed a decision of a machine about you", "Человек пересмотрел решение машины о вас", "Адам сіз туралы машина шешімін қайта қарады";
    k_use_recorded: "A use of your data was recorded", "Записано использование ваших данных", "Деректеріңіздің пайдаланылуы жазылды";
    k_deferral_ended: "A use of your data that was kept back is shown now", "Отложенная запись об использовании ваших данных теперь показана", "Деректеріңізді пайдалану туралы кейінге қалдырылған жазба енді көрсетілді";
    space: "Own space", "Личный раздел", "Жеке бөлім";
    email: "E-mail", "Электронная почта", "Электрондық пошта";
    sms: "Short message", "SMS", "SMS";
    s_waits: "not opened yet", "ещё не открыто", "әлі ашылған жоқ";
    s_queued: "waits to be sent", "ждёт отправки", "жіберуді күтуде";
    s_attempted: "not taken yet; next attempt", "пока не принято; следующая попытка", "әлі қабылданған жоқ; келесі әрекет";
    s_handed: "handed over, no receipt yet", "передано, подтверждения ещё нет", "тапсырылды, растау әлі жоқ";
    s_delivered: "delivered", "доставлено", "жеткізілді";
    s_failed: "given up", "отправка прекращена", "жіберу тоқтатылды";
    p_opened: "you opened it, signed in; trace of the session", "вы открыли его, войдя; след сеанса", "сіз кіріп, оны аштыңыз; сеанс ізі";
    p_accepted: "the next mail server answered", "следующий почтовый сервер ответил", "келесі пошта сервері жауап берді";
    p_receipt: "receipt", "подтверждение", "растау";
    answered: "answer", "ответ", "жауап";
    ways: "Where else to tell you", "Куда ещё сообщать", "Тағы қайда хабарлау керек";
    ways_how: "If you wish, this node says by e-mail or short message that a notice waits for you here. What it says, and about whom, never goes out. You can take that back at any time.", "Если хотите, узел сообщит по почте или SMS, что здесь вас ждёт уведомление. Его содержание и о ком оно никогда не отправляется. Отказаться можно в любой момент.", "Қаласаңыз, түйін осында хабарлама күтіп тұрғанын поштамен не SMS арқылы айтады. Оның мазмұны және кім туралы екені ешқашан жіберілмейді. Кез келген уақытта бас тарта аласыз.";
    no_way: "This node sends none.", "Этот узел их не отправляет.", "Бұл түйін оларды жібермейді.";
    chosen: "Chosen", "Выбрано", "Таңдалған";
    since: "since", "с", "бастап:";
    remove: "Take back", "Отказаться", "Бас тарту";
    opens_too: "Codes to this address open your account, whatever is chosen here; take that away under My identity:", "Коды на этот адрес открывают вашу учётную запись независимо от выбора здесь; отменяется в «Моей идентичности»:", "Осы мекенжайға келетін кодтар мұндағы таңдауға қарамастан есептік жазбаңызды ашады; «Менің сәйкестігімде» тоқтатылады:";
    your_email: "Your e-mail address", "Ваш адрес почты", "Пошта мекенжайыңыз";
    your_phone: "Your telephone number", "Ваш номер телефона", "Телефон нөміріңіз";
    language: "Language of the messages", "Язык сообщений", "Хабарлар тілі";
    send_code: "Send a code there", "Отправить туда код", "Сонда код жіберу";
    code_sent: "A code of six digits went to", "Код из шести цифр отправлен на", "Алты таңбалы код мына мекенжайға жіберілді:";
    code_how: "It is good for 15 minutes and five tries.", "Он действует 15 минут и пять попыток.", "Ол 15 минут және бес әрекетке жарамды.";
    code: "Code", "Код", "Код";
    confirm: "Confirm", "Подтвердить", "Растау";
    e_email: "That is no e-mail address. It looks like name@place.kz.", "Это не адрес почты. Он выглядит как name@place.kz.", "Бұл пошта мекенжайы емес. Ол name@place.kz сияқты болады.";
    e_phone: "That is no telephone number. It looks like +7 701 123 45 67.", "Это не номер телефона. Он выглядит как +7 701 123 45 67.", "Бұл телефон нөмірі емес. Ол +7 701 123 45 67 сияқты болады.";
    e_often: "Too many codes were asked for. A new one can be sent from", "Кодов запрошено слишком много. Новый можно отправить с", "Кодтар тым көп сұралды. Жаңасын мына уақыттан жіберуге болады:";
    e_not_now: "The code could not be sent now. Try again later.", "Сейчас код отправить не удалось. Попробуйте позже.", "Қазір кодты жіберу мүмкін болмады. Кейінірек қайталап көріңіз.";
    e_refused: "The server for this address does not take messages for it. Look at the address.", "Сервер этого адреса не принимает для него сообщений. Проверьте адрес.", "Бұл мекенжайдың сервері оған хабар қабылдамайды. Мекенжайды тексеріңіз.";
    e_wrong: "The code is wrong. Tries left:", "Код неверный. Осталось попыток:", "Код қате. Қалған әрекеттер:";
    e_spent: "The code was tried too often. Ask for a new one.", "Код пробовали слишком много раз. Запросите новый.", "Код тым көп рет енгізілді. Жаңасын сұраңыз.";
    e_no_code: "There is no code for this, or its time has passed. Ask for a new one.", "Кода нет или его время вышло. Запросите новый.", "Код жоқ немесе уақыты өтті. Жаңасын сұраңыз.";
    e_channel: "Choose e-mail or a telephone that this node can reach.", "Выберите почту или телефон, доступные этому узлу.", "Осы түйінге қолжетімді поштаны немесе телефонды таңдаңыз.";
}
