//! The words of powers in three languages. The texts in ru and kk are not reviewed yet.

words! {
    powers: "Who acts for me", "Кто действует за меня", "Мен үшін кім әрекет етеді";
    own_number: "Your account number, for whoever gives you a power:", "Номер вашей учётной записи для того, кто даёт вам полномочие:", "Сізге өкілеттік беретін адамға арналған есептік жазба нөміріңіз:";
    for_me: "They act for me", "За меня действуют", "Мен үшін әрекет етеді";
    i_act: "I act for them", "Я действую за них", "Мен олар үшін әрекет етемін";
    nobody: "Nobody.", "Никто.", "Ешкім.";
    ended: "ended", "прекращено", "тоқтатылды";
    see_list: "See who used the data of", "Кто пользовался данными лица", "Мына адамның деректерін кім пайдаланды:";
    end: "End this", "Прекратить", "Тоқтату";
    give: "Give a power", "Дать полномочие", "Өкілеттік беру";
    give_how: "Somebody you trust may do what you name here, until the day you name. You can end it at any moment; it ends for them at once.", "Тот, кому вы доверяете, сможет делать то, что вы назовёте, до названного дня. Прекратить можно в любой момент, и сразу.", "Сіз сенетін адам осы жерде атағаныңызды атаған күніңізге дейін істей алады. Кез келген сәтте тоқтата аласыз, бірден күшіне енеді.";
    number: "Account number of the person", "Номер учётной записи этого человека", "Сол адамның есептік жазба нөмірі";
    rights: "What for", "На что", "Не үшін";
    right_see: "see who used my data", "видеть, кто пользовался моими данными", "деректерімді кім пайдаланғанын көру";
    right_complain: "complain for me", "подавать жалобы за меня", "мен үшін шағымдану";
    until: "Until", "До", "Дейін";
    until_how: "The last day, at most three years from now.", "Последний день, не позже чем через три года.", "Соңғы күн, үш жылдан аспайды.";
    give_button: "Give the power", "Дать полномочие", "Өкілеттік беру";
    no_number: "No account has this number. The person finds the own number on this page.", "Учётной записи с таким номером нет. Человек найдёт свой номер на этой странице.", "Мұндай нөмірлі есептік жазба жоқ. Адам өз нөмірін осы беттен табады.";
    bad_day: "Name a day that has not passed.", "Назовите день, который ещё не прошёл.", "Әлі өтпеген күнді атаңыз.";
    not_oneself: "Nobody represents oneself.", "Никто не представляет сам себя.", "Ешкім өзіне өкіл болмайды.";
    no_rights: "Choose what the power is for.", "Выберите, на что даётся полномочие.", "Өкілеттік не үшін берілетінін таңдаңыз.";
    too_long: "A power lasts three years at most; it can be given again.", "Полномочие длится не больше трёх лет; его можно дать снова.", "Өкілеттік үш жылдан аспайды; қайта беруге болады.";
    power_there: "This person has a power of yours already. End it first, then give another one.", "У этого человека уже есть ваше полномочие. Сначала прекратите его, затем дайте другое.", "Бұл адамда сіздің өкілеттігіңіз бар. Алдымен оны тоқтатып, содан кейін басқасын беріңіз.";
    none_to_end: "There is no power of this kind to end.", "Такого действующего полномочия нет.", "Ондай қолданыстағы өкілеттік жоқ.";
    over: "This power is over, has not begun, or is for something else. Ask the person.", "Это полномочие закончилось, не началось или дано на другое. Спросите этого человека.", "Бұл өкілеттік аяқталған, басталмаған немесе басқа нәрсеге берілген. Сол адамнан сұраңыз.";
    own_act: "This person is old enough to act alone: from 16 on a parent's power opens nothing.", "Этот человек достаточно взрослый, чтобы действовать сам: с 16 лет родительское полномочие ничего не открывает.", "Бұл адам өзі әрекет ететін жаста: 16 жастан бастап ата-ананың өкілеттігі ештеңе ашпайды.";
    list_of: "Who used the data of", "Кто пользовался данными лица", "Деректерін кім пайдаланған адам:";
    look_stays: "That you looked stands in this list too.", "То, что вы смотрели, тоже есть в этом списке.", "Сіздің қарағаныңыз да осы тізімде тұр.";
    kind_parent: "parent", "родитель", "ата-ана";
    kind_guardian: "guardian", "опекун", "қорғаншы";
    kind_given: "power given here", "полномочие, данное здесь", "осында берілген өкілеттік";
    kind_advocate: "advocate", "адвокат", "адвокат";
    kind_assisted: "help at a service centre", "помощь в центре обслуживания", "қызмет көрсету орталығындағы көмек";
}
