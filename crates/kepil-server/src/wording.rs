//! Tables of words in three languages: a word that lacks a language does not compile.

macro_rules! words {
    ($($name:ident : $en:literal, $ru:literal, $kk:literal;)*) => {
        /// The words of a language.
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct Words { $(pub $name: &'static str),* }
        static EN: Words = Words { $($name: $en),* };
        static RU: Words = Words { $($name: $ru),* };
        static KK: Words = Words { $($name: $kk),* };

        /// The words of a language.
        pub(crate) fn words(lang: kepil_terms::Lang) -> &'static Words {
            match lang {
                kepil_terms::Lang::En => &EN,
                kepil_terms::Lang::Ru => &RU,
                kepil_terms::Lang::Kk => &KK,
            }
        }
    };
}
