//! The words of the pages in three languages.

use kepil_terms::{Lang, Verdict};

words! {
    skip: "Skip to the content", "Перейти к содержанию", "Мазмұнға өту";
    sections: "Sections", "Разделы", "Бөлімдер";
    language: "Language", "Язык", "Тіл";
    law: "The law", "Закон", "Заң";
    ledger: "The ledger", "Журнал", "Журнал";
    systems: "Who is connected", "Кто подключён", "Кім қосылған";
    systems_how: "Only these systems can ask through this gate. Each has its own key; each agreement says what it covers.", "Только эти системы могут запрашивать через эти ворота. У каждой свой ключ; каждое соглашение говорит, что оно охватывает.", "Осы қақпа арқылы тек мына жүйелер сұрай алады. Әрқайсысының өз кілті бар; әр келісім нені қамтитынын айтады.";
    system: "System", "Система", "Жүйе";
    acts_as: "Acts as", "Действует как", "Кім ретінде";
    agreements: "Agreements", "Соглашения", "Келісімдер";
    agreement: "Agreement", "Соглашение", "Келісім";
    covers: "Data it covers", "Какие данные охватывает", "Қандай деректерді қамтиды";
    up_to: "How fine at most", "Не подробнее чем", "Ең көбі қаншалықты егжей-тегжейлі";
    recipients: "Recipients", "Получатели", "Алушылар";
    all_data: "all kinds of data", "все виды данных", "деректердің барлық түрі";
    all_actors: "everybody", "кто угодно", "кез келген тұлға";
    not_active: "not in force", "не действует", "күшінде емес";
    all_fields: "no list of fields", "перечня полей нет", "өрістер тізімі жоқ";
    only_fields: "fields", "поля", "өрістер";
    for_system: "Open to", "Открыто для", "Кімге ашық";
    every_system: "every system above", "все системы выше", "жоғарыдағы барлық жүйе";
    requests: "Requests", "Запросы", "Сұрау салулар";
    not_connected: "What is not connected", "Что не подключено", "Не қосылмаған";
    not_connected_how: "Uses of these registers do not pass this gate, so they are in nobody's list.", "Использование этих регистров не проходит через ворота и не попадает ни в чей список.", "Бұл тіркелімдерді пайдалану қақпадан өтпейді, сондықтан ешкімнің тізімінде жоқ.";
    not_connected_none: "The operator has named none. That is no promise: whatever is not in the list above is not connected.", "Оператор ничего не назвал. Это не обещание: чего нет в списке выше, то не подключено.", "Оператор ештеңе атамаған. Бұл уәде емес: жоғарыдағы тізімде жоқ нәрсе қосылмаған.";
    holder: "Holder", "Владелец", "Иеленуші";
    why_not: "Why", "Почему", "Неге";
    no_agreement: "none", "нет", "жоқ";
    witnesses: "Who vouches for it", "Кто за него ручается", "Кім кепілдік береді";
    checkpoint: "The signed checkpoint, as it is published", "Подписанная контрольная точка, как она опубликована", "Жарияланған күйіндегі қол қойылған бақылау нүктесі";
    e_404: "There is no such page", "Такой страницы нет", "Мұндай бет жоқ";
    e_404_how: "The address may be old or mistyped. Begin at the start page.", "Адрес мог устареть или содержать опечатку. Начните с главной страницы.", "Мекенжай ескірген не қате терілген болуы мүмкін. Басты беттен бастаңыз.";
    e_413: "That was too much", "Слишком много", "Тым көп";
    e_413_how: "What was sent is larger than this node takes. Nothing was done; go back, make it shorter, and send it again.", "Отправленное больше, чем принимает узел. Ничего не сделано; вернитесь, сократите и отправьте снова.", "Жіберілген нәрсе түйін қабылдайтыннан үлкен. Ештеңе жасалған жоқ; қайтып, қысқартып, қайта жіберіңіз.";
    e_400: "This could not be read", "Не удалось прочитать", "Оқу мүмкін болмады";
    e_400_how: "The browser sent something this page does not understand. Nothing was done; go back and try again.", "Браузер отправил то, чего страница не понимает. Ничего не сделано; вернитесь и попробуйте снова.", "Браузер бет түсінбейтін нәрсе жіберді. Ештеңе жасалған жоқ; қайтып, қайталап көріңіз.";
    e_500: "Something of ours broke", "У нас что-то сломалось", "Бізде бірдеңе бұзылды";
    e_500_how: "It is noted. Nothing you typed was taken in; try again in a moment.", "Это отмечено. Введённое не принято; попробуйте чуть позже.", "Бұл белгіленді. Тергеніңіз қабылданған жоқ; сәл кейін қайталаңыз.";
    own_sections: "My own pages", "Мои страницы", "Менің беттерім";
    my_notices: "Notices", "Уведомления", "Хабарламалар";
    my_complaints: "Complaints", "Жалобы", "Шағымдар";
    my_powers: "Powers", "Полномочия", "Өкілеттіктер";
    my_services: "Services", "Сервисы", "Сервистер";
    growth: "Uses and outcomes by month", "Использования и исходы по месяцам", "Айлар бойынша пайдаланулар мен нәтижелер";
    month: "Month", "Месяц", "Ай";
    desk: "Official's desk", "Стол должностного лица", "Лауазымды адамның үстелі";
    supervision: "Supervisor's desk", "Стол надзора", "Қадағалау үстелі";
    my_space: "My space", "Личный кабинет", "Жеке кабинет";
    my_uses: "Who used my data", "Кто пользовался моими данными", "Деректерімді кім пайдаланды";
    my_identity: "My identity", "Моя идентичность", "Менің сәйкестігім";
    demo: "Demonstration: invented people, assumed acts marked as such, time as the story needs it.", "Демонстрация: вымышленные люди, предполагаемые акты помечены, время следует сюжету.", "Көрсетілім: ойдан шығарылған адамдар, болжамды актілер белгіленген, уақыт оқиға желісіне сай.";
    help: "Help", "Помощь", "Көмек";
    help_paper: "everything here can also be asked for on paper at a service centre", "всё, что есть здесь, можно попросить и на бумаге в центре обслуживания", "мұндағының бәрін қызмет көрсету орталығында қағаз түрінде де сұрауға болады";
    footer: "Kepil (кепіл): guarantor. Every use of a person's data passes one gate.", "Kepil (кепіл): гарант. Каждое использование данных человека проходит через одни ворота.", "Kepil: кепіл. Адам деректерін әрбір пайдалану бір қақпадан өтеді.";
    headline: "Every use of a person's data passes one gate", "Каждое использование данных человека проходит через одни ворота", "Адам деректерін әрбір пайдалану бір қақпадан өтеді";
    lead: "It checks law, purpose, necessity, proportionality and time, and leaves a proof that nobody can quietly remove.", "Они проверяют закон, цель, необходимость, соразмерность и срок и оставляют доказательство, которое никто не может незаметно убрать.", "Ол заңды, мақсатты, қажеттілікті, мөлшерлестікті және мерзімді тексереді және ешкім білдірмей өшіре алмайтын дәлел қалдырады.";
    today: "Decisions", "Решения", "Шешімдер";
    none_yet: "No decision yet.", "Решений пока нет.", "Әзірге шешім жоқ.";
    when: "When", "Когда", "Қашан";
    who: "Who asked", "Кто запросил", "Кім сұрады";
    what: "What", "Что", "Не";
    verdict: "Verdict", "Решение", "Шешім";
    source: "First article that decided", "Первая решающая статья", "Бірінші шешуші бап";
    cited: "Cited as the basis", "Названо основанием", "Негіз ретінде аталды";
    text_source: "Source", "Источник", "Дереккөз";
    aim: "Purpose", "Цель", "Мақсаты";
    acts: "Acts", "Акты", "Актілер";
    cases: "Worked cases", "Разобранные случаи", "Талданған жағдайлар";
    not_as_said: "not as the case says", "не так, как в разборе", "талдаудағыдай емес";
    rule: "The rule as it runs", "Правило в исполняемом виде", "Орындалатын ереже";
    unreviewed: "translation not reviewed", "перевод не проверен", "аударма тексерілмеген";
    in_force: "In force", "Действует", "Күшінде";
    from: "from", "с", "бастап";
    to: "until", "до", "дейін";
    open: "no end", "без срока", "мерзімсіз";
    confidence: "How sure is the text", "Достоверность текста", "Мәтіннің сенімділігі";
    needs_text: "official text not loaded", "официальный текст не загружен", "ресми мәтін жүктелмеген";
    assumed: "assumed act: it does not exist", "предполагаемый акт: его нет", "болжамды акт: ондай акт жоқ";
    own_words: "A summary in our own words, with our remarks; not the official text.", "Изложение своими словами с нашими замечаниями; не официальный текст.", "Өз сөзімізбен мазмұндама, ескертпелерімізбен; ресми мәтін емес.";
    contents_how: "The articles that the rules rest on, by number and first words; not all of the act. Each leads to the text, the rules, the worked cases, and how often it was relied on.", "Статьи, на которых держатся правила, по номеру и первым словам; не весь акт. За каждой — текст, правила, разобранные случаи и сколько раз её применяли.", "Ережелер сүйенетін баптар, нөмірі мен алғашқы сөздері бойынша; актінің бәрі емес. Әрқайсысында мәтіні, ережелері, талданған жағдайлары және қанша рет қолданылғаны бар.";
    other_languages: "In the other languages", "На других языках", "Басқа тілдерде";
    relied: "relied on", "применено", "қолданылды";
    refused: "refused", "отказано", "бас тартылды";
    head: "Head of the log", "Вершина журнала", "Журналдың басы";
    entries: "Entries", "Записей", "Жазбалар";
    key: "The log's key", "Ключ журнала", "Журнал кілті";
    check: "Check it yourself", "Проверьте сами", "Өзіңіз тексеріңіз";
    check_text: "Every file of the log is public. With the key above, these commands rebuild it and check a receipt:", "Все файлы журнала открыты. С ключом выше эти команды перестраивают журнал и проверяют квитанцию:", "Журналдың барлық файлы ашық. Жоғарыдағы кілтпен мына командалар журналды қайта құрып, түбіртекті тексереді:";
    receipt: "Check a receipt", "Проверить квитанцию", "Түбіртекті тексеру";
    receipt_paste: "Paste the receipt, or the answer that holds it", "Вставьте квитанцию или ответ, в котором она есть", "Түбіртекті немесе ол бар жауапты қойыңыз";
    receipt_file: "Or choose the file you kept", "Или выберите сохранённый файл", "Немесе сақталған файлды таңдаңыз";
    receipt_check: "Check", "Проверить", "Тексеру";
    receipt_unreadable: "This is not a receipt.", "Это не квитанция.", "Бұл түбіртек емес.";
    receipt_bad: "This receipt does not hold: this log did not sign it, or it was changed. Keep it, and ask whoever gave it to you.", "Эта квитанция недействительна: журнал её не подписывал либо она изменена. Сохраните её и спросите того, кто её дал.", "Бұл түбіртек жарамсыз: журнал оған қол қоймаған немесе ол өзгертілген. Оны сақтап, берген адамнан сұраңыз.";
    receipt_good: "This receipt holds: the log promised this entry.", "Квитанция действительна: журнал обещал эту запись.", "Түбіртек жарамды: журнал осы жазбаны уәде еткен.";
    receipt_included: "The entry stands in the published log, where the receipt says.", "Запись стоит в опубликованном журнале там, где сказано в квитанции.", "Жазба жарияланған журналда түбіртекте айтылған орында тұр.";
    receipt_not_yet: "The log has not published that far yet. Try again in a moment; if it stays so, complain.", "Журнал ещё не опубликован до этого места. Попробуйте чуть позже; если так останется, жалуйтесь.", "Журнал әлі бұл жерге дейін жарияланбаған. Сәл кейін қайталап көріңіз; осылай қалса, шағымданыңыз.";
    receipt_contradicted: "The published log shows ANOTHER entry there. Keep the receipt: together with the log it convicts whoever runs it.", "В опубликованном журнале на этом месте ДРУГАЯ запись. Сохраните квитанцию: вместе с журналом она изобличает того, кто его ведёт.", "Жарияланған журналда бұл орында БАСҚА жазба тұр. Түбіртекті сақтаңыз: ол журналмен бірге оны жүргізушіні әшкерелейді.";
    receipt_unknown: "Whether the entry stands in the log could not be found out.", "Не удалось выяснить, есть ли запись в журнале.", "Жазбаның журналда бар-жоғын анықтау мүмкін болмады.";
    entry: "Entry", "Запись", "Жазба";
    tests: "All tests that had something to look at", "Все проверки, которым было что проверять", "Тексеретін нәрсесі болған барлық сынақ";
    test: "Test", "Проверка", "Сынақ";
    outcome: "Outcome", "Итог", "Нәтиже";
    meaning: "What it means", "Что это значит", "Бұл нені білдіреді";
    grounds: "Grounds found", "Найденные основания", "Табылған негіздер";
    not_yet: "Not in force yet, so not credited", "Ещё не действовало и не засчитано", "Әлі күшіне енбеген, ескерілмеді";
    law_version: "Law version", "Версия закона", "Заң нұсқасы";
    purpose: "for", "цель:", "мақсаты:";
    strict: "with the confidence floor", "с порогом достоверности", "сенімділік шегімен";
    counts_only: "This node serves real data: single decisions are shown to the person concerned and to those the law names, not here.", "Этот узел работает с настоящими данными: отдельные решения видны самому человеку и тем, кого называет закон, но не здесь.", "Бұл түйін нақты деректермен жұмыс істейді: жекелеген шешімдерді адамның өзі және заң атаған тұлғалар көреді, мұнда емес.";
}

/// A verdict as one word.
pub(crate) fn verdict(v: Verdict, lang: Lang) -> &'static str {
    match (v, lang) {
        (Verdict::Ok, Lang::En) => "allowed",
        (Verdict::Human, Lang::En) => "a person decides",
        (Verdict::Deny, Lang::En) => "refused",
        (Verdict::Ok, Lang::Ru) => "разрешено",
        (Verdict::Human, Lang::Ru) => "решает человек",
        (Verdict::Deny, Lang::Ru) => "отказано",
        (Verdict::Ok, Lang::Kk) => "рұқсат",
        (Verdict::Human, Lang::Kk) => "адам шешеді",
        (Verdict::Deny, Lang::Kk) => "бас тартылды",
    }
}

/// How fine an answer can be, from the coarsest on: the name in requests, and the words.
pub(crate) const fn precisions(lang: Lang) -> [(&'static str, &'static str); 4] {
    match lang {
        Lang::En => [
            ("yes_no", "yes or no"),
            ("attribute", "one attribute"),
            ("record", "the record"),
            ("history", "the history"),
        ],
        Lang::Ru => [
            ("yes_no", "да или нет"),
            ("attribute", "один признак"),
            ("record", "запись"),
            ("history", "история"),
        ],
        Lang::Kk => [
            ("yes_no", "иә не жоқ"),
            ("attribute", "бір белгі"),
            ("record", "жазба"),
            ("history", "тарихы"),
        ],
    }
}

/// A test's outcome as people say it.
pub(crate) fn outcome(text: &str, lang: Lang) -> &'static str {
    let i = match lang {
        Lang::En => 0,
        Lang::Ru => 1,
        Lang::Kk => 2,
    };
    let said: [&str; 3] = match text {
        "pass" => ["holds", "соблюдено", "сақталған"],
        "pass_by_reading" => [
            "holds by our reading",
            "соблюдено по толкованию",
            "түсіндіру бойынша сақталған",
        ],
        "human" => ["a person decides", "решает человек", "адам шешеді"],
        "disputed" => ["disputed", "спорно", "даулы"],
        "deny" => ["fails", "нарушено", "бұзылған"],
        _ => [
            "could not be tested",
            "не удалось проверить",
            "тексерілмеді",
        ],
    };
    said.get(i).copied().unwrap_or_default()
}
