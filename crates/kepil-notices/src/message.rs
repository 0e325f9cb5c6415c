//! What goes out by e-mail and telephone: that something is there, never what or about whom. The
//! texts in ru and kk are not reviewed yet.

use crate::id::NoticeId;
use kepil_terms::Lang;

/// A message to an address outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its name: the same for every attempt, so that who gets it twice can tell.
    pub id: NoticeId,
    /// When it was written.
    pub at_ms: u64,
    /// The language.
    pub lang: Lang,
    /// The subject of an e-mail.
    pub subject: String,
    /// The text of an e-mail.
    pub text: String,
    /// The text of a short message.
    pub short: String,
}

impl Message {
    /// That there is a new notice, and where to read it: `node` is the address of the node.
    #[must_use]
    pub fn notice(id: NoticeId, lang: Lang, node: &str, at_ms: u64) -> Self {
        let place = format!("{node}/{}/my/notices/{id}", lang.code());
        let (subject, said, why) = match lang {
            Lang::En => (
                "A new notice in your own space",
                "There is a new notice in your own space:",
                "What it says stands there alone. Sign in to read it; nobody asks for your secret or a code by message.",
            ),
            Lang::Ru => (
                "Новое уведомление в вашем личном разделе",
                "В вашем личном разделе новое уведомление:",
                "Его содержание есть только там. Войдите, чтобы прочитать; никто не спрашивает секрет или код в сообщениях.",
            ),
            Lang::Kk => (
                "Жеке бөліміңізде жаңа хабарлама бар",
                "Жеке бөліміңізде жаңа хабарлама бар:",
                "Оның мазмұны тек сонда. Оқу үшін кіріңіз; ешкім хабар арқылы құпиясөз не код сұрамайды.",
            ),
        };
        Self {
            id,
            at_ms,
            lang,
            subject: subject.into(),
            text: format!("{said}\n\n{place}\n\n{why}\n"),
            short: format!("{said} {place}"),
        }
    }

    /// A code that shows whose address it is.
    #[must_use]
    pub fn code(id: NoticeId, lang: Lang, node: &str, code: &str, at_ms: u64) -> Self {
        let words = match lang {
            Lang::En => (
                "Your code",
                "The code for this address is",
                "It is good for 15 minutes, at this node alone. If you did not ask for it, somebody typed a wrong address: do nothing.",
            ),
            Lang::Ru => (
                "Ваш код",
                "Код для этого адреса:",
                "Он действует 15 минут и только на этом узле. Если вы его не запрашивали, кто-то ошибся адресом: ничего не делайте.",
            ),
            Lang::Kk => (
                "Сіздің кодыңыз",
                "Осы мекенжайдың коды:",
                "Ол 15 минут және тек осы түйінде жарамды. Оны сұрамаған болсаңыз, біреу мекенжайды қате терген: ештеңе істемеңіз.",
            ),
        };
        Self::with_code((id, lang, at_ms), words, code, node)
    }

    /// A code to sign in with.
    #[must_use]
    pub fn entry(id: NoticeId, lang: Lang, node: &str, code: &str, at_ms: u64) -> Self {
        let words = match lang {
            Lang::En => (
                "Your code to sign in",
                "The code to sign in is",
                "It is good for 10 minutes, at this node alone. Nobody asks you for it. If you are not signing in, somebody knows your secret: set another one.",
            ),
            Lang::Ru => (
                "Ваш код для входа",
                "Код для входа:",
                "Он действует 10 минут и только на этом узле. Никто не спрашивает его у вас. Если вы не входите, кто-то знает ваш секрет: задайте другой.",
            ),
            Lang::Kk => (
                "Кіруге арналған кодыңыз",
                "Кіру коды:",
                "Ол 10 минут және тек осы түйінде жарамды. Оны сізден ешкім сұрамайды. Сіз кіріп жатпасаңыз, біреу құпиясөзіңізді біледі: басқасын орнатыңыз.",
            ),
        };
        Self::with_code((id, lang, at_ms), words, code, node)
    }

    fn with_code(
        (id, lang, at_ms): (NoticeId, Lang, u64),
        (subject, said, why): (&str, &str, &str),
        code: &str,
        node: &str,
    ) -> Self {
        Self {
            id,
            at_ms,
            lang,
            subject: subject.into(),
            text: format!("{said} {code}\n\n{why}\n{node}\n"),
            short: format!("{said} {code}. {node}"),
        }
    }
}
