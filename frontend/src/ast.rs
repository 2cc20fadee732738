//! The parsed Dockerfile: what was written, with spans, before any variable is expanded.
//!
//! The parser checks the grammar (words, flags, JSON forms, heredocs); what an instruction means is the
//! lowering's business. Texts are kept *unexpanded and still quoted* wherever the language expands
//! variables later (dockerfile reference, section 2).

/// A range of bytes in the source, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// Something with the place it was written at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// What.
    pub value: T,
    /// Where.
    pub span: Span,
}

/// A whole file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dockerfile {
    /// Directives at the top.
    pub directives: Directives,
    /// All instructions, in order.
    pub instructions: Vec<Instruction>,
}

/// Parser directives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Directives {
    /// `# syntax=`
    pub syntax: Option<Spanned<String>>,
    /// `# escape=`: a backslash unless given.
    pub escape: Option<Spanned<char>>,
    /// `# check=`
    pub check: Option<Spanned<String>>,
}

impl Directives {
    /// The escape character in force.
    pub fn escape_char(&self) -> char {
        self.escape.as_ref().map_or('\\', |escape| escape.value)
    }
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// From the keyword to the end, heredocs included.
    pub span: Span,
    /// The keyword as it was written.
    pub keyword: Spanned<String>,
    /// The instruction's text on one line after joining continuations, keyword included, without heredoc
    /// bodies: what ONBUILD stores and progress shows.
    pub original: String,
    /// Comment lines above, without `#` and blanks around: those since the instruction before, or since a
    /// comment without words. Empty lines among them do not count.
    pub doc_comments: Vec<String>,
    /// Whether an empty line parts them from the instruction.
    pub comments_apart: bool,
    /// What it is.
    pub kind: Kind,
}

/// Instructions by keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `FROM [--platform=P] base [AS name]`
    From(From),
    /// `ARG name[=default] ...`
    Arg(Vec<Spanned<Arg>>),
    /// `ENV`
    Env(Pairs),
    /// `LABEL`
    Label(Pairs),
    /// `RUN`
    Run(Run),
    /// `COPY`
    Copy(Transfer),
    /// `ADD`
    Add(Transfer),
    /// `WORKDIR path`
    Workdir(Spanned<String>),
    /// `USER name`
    User(Spanned<String>),
    /// `EXPOSE port ...`
    Expose(Vec<Spanned<String>>),
    /// `VOLUME path ...`
    Volume(Vec<Spanned<String>>),
    /// `CMD`
    Cmd(Command),
    /// `ENTRYPOINT`
    Entrypoint(Command),
    /// `STOPSIGNAL signal`
    StopSignal(Spanned<String>),
    /// `HEALTHCHECK`
    Healthcheck(Healthcheck),
    /// `SHELL [...]`
    Shell(Vec<String>),
    /// `ONBUILD instruction`
    OnBuild(OnBuild),
    /// `MAINTAINER name`
    Maintainer(Spanned<String>),
}

/// `FROM`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// `--platform`, unexpanded.
    pub platform: Option<Spanned<String>>,
    /// Base word, unexpanded.
    pub base: Spanned<String>,
    /// The name after `AS`, as it was written (compare in lower case).
    pub name: Option<Spanned<String>>,
    /// The keyword `AS` as it was written.
    pub as_keyword: Option<Spanned<String>>,
}

/// One argument of `ARG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg {
    /// Name.
    pub name: String,
    /// Default, unexpanded.
    pub default: Option<String>,
}

/// `ENV` and `LABEL`: keys and values, unexpanded and still quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs {
    /// In order.
    pub pairs: Vec<Pair>,
    /// Whether the old form `KEY rest of line` was used.
    pub legacy: bool,
}

/// One `key=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Key.
    pub key: Spanned<String>,
    /// Value.
    pub value: Spanned<String>,
}

/// A command in one of its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A JSON array.
    Exec(Vec<String>),
    /// A line for the shell, continuations joined.
    Shell(Spanned<String>),
}

/// A flag `--name[=value]` of an instruction, quotes and escapes of the flag word processed, variables not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Name without dashes, in lower case.
    pub name: String,
    /// Value; absent for a bare boolean.
    pub value: Option<String>,
    /// Where.
    pub span: Span,
}

/// `RUN`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// `mount` (several), `network`, `security`, `device` (several): checked to be known, not more.
    pub flags: Vec<Flag>,
    /// The command line; with heredocs, the line on which they are opened.
    pub command: Command,
    /// In order of appearance.
    pub heredocs: Vec<Heredoc>,
}

/// `COPY` and `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Checked to be known for the instruction and of the right type (boolean or with a value).
    pub flags: Vec<Flag>,
    /// At least one, unless all sources are heredocs.
    pub sources: Vec<Source>,
    /// Unexpanded.
    pub dest: Spanned<String>,
}

/// A source of [`Transfer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A path, pattern, URL or git reference, unexpanded.
    Path(Spanned<String>),
    /// A file given in the Dockerfile.
    Heredoc(Heredoc),
}

/// `<<NAME`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word without quotes.
    pub name: String,
    /// The word with `<<`, fd and quotes, as it was written.
    pub opening: Spanned<String>,
    /// Raw lines between opening and terminator, each with its line ending, tabs not stripped.
    pub body: String,
    /// Where the body is.
    pub body_span: Span,
    /// Whether the word was unquoted, so that COPY and ADD expand the body.
    pub expand: bool,
    /// `<<-`: leading tabs go.
    pub chomp: bool,
    /// File descriptor before `<<`.
    pub fd: Option<u32>,
}

/// `HEALTHCHECK`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Healthcheck {
    /// `NONE`
    None,
    /// `CMD`
    Cmd {
        /// `interval`, `timeout`, `start-period`, `start-interval`, `retries`.
        flags: Vec<Flag>,
        /// What is run.
        command: Command,
    },
}

/// `ONBUILD`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnBuild {
    /// The raw text after `ONBUILD`, heredocs with their bodies: what the image config keeps.
    pub text: String,
    /// The same, parsed; `None` if it is wrong, which is an error only where it is triggered.
    pub instruction: Option<Box<Instruction>>,
}
