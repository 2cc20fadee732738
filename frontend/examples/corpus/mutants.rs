//! Hostile files: real ones with a few random changes. The same seed gives the same files.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use cooperage_frontend::parse::parse;

use super::targets::attempt;

/// Longer files are not changed: their time is theirs.
const MAX_BYTES: usize = 20_000;
/// One mutant of so many is measured.
const MEASURED: u64 = 20;
/// How often it is measured before it is called too slow: the machine has other things to do.
const ATTEMPTS: usize = 5;
/// How often a measured mutant is written one after the other, and ten times as often.
const COPIES: usize = 10;

/// Lowers `count` mutants and returns how many are bad: they are printed.
pub(crate) fn campaign(texts: &[Vec<u8>], count: u64, seed: u64) -> usize {
    let texts: Vec<&Vec<u8>> = texts.iter().filter(|text| text.len() <= MAX_BYTES).collect();
    let mut dice = Dice::new(seed);
    let (mut built, mut refused, mut bad) = (0, 0, 0);
    for number in 0..if texts.is_empty() { 0 } else { count } {
        let [text, other] = [0, 0].map(|_: usize| texts[dice.below(texts.len())]);
        let mutant = mutant(text, other, &mut dice);
        match catch_unwind(|| attempt(&mutant, None, BTreeMap::new())) {
            Ok(Ok(())) => built += 1,
            Ok(Err(_)) => refused += 1,
            Err(_) => {
                bad += 1;
                println!("mutant {number} panics: {:?}", String::from_utf8_lossy(&mutant));
            }
        }
        if number % MEASURED == 0 && !(0..ATTEMPTS).any(|_| is_linear(&mutant)) {
            bad += 1;
            println!("mutant {number} grows too fast: {:?}", String::from_utf8_lossy(&mutant));
        }
    }
    println!("{built} lowered, {refused} refused, {bad} bad");
    bad
}

/// Whether ten times the text takes about ten times as long to parse.
fn is_linear(mutant: &[u8]) -> bool {
    let time = |copies: usize| {
        let text = mutant.repeat(copies);
        let run = |_| {
            let start = Instant::now();
            parse(&text);
            start.elapsed()
        };
        (0..3).map(run).min().unwrap_or_default()
    };
    let (short, long) = (time(COPIES), time(COPIES * 10));
    long < Duration::from_millis(50) || long < short * 40
}

/// Pieces that mean something to the language.
const PIECES: [&str; 60] = [
    "\\",
    "\\\\",
    "`",
    "\"",
    "'",
    "$",
    "${",
    "}",
    "${A:-",
    "${A#",
    "${A/",
    "$A",
    ":",
    "=",
    "[",
    "]",
    ",",
    "[\"",
    "\"]",
    "#",
    "# escape=`\n",
    "# syntax=x\n",
    "# check=skip=all\n",
    "<<",
    "<<EOF",
    "<<-EOF",
    "<<'E'",
    "3<<E",
    "\nEOF\n",
    "<<<",
    "\n",
    "\r\n",
    "\\\n",
    "\\ \n",
    "\\\n#\n",
    "\\\n\n",
    "\t",
    "\u{a0}",
    "\u{feff}",
    "\0",
    "é",
    "--",
    "--from=",
    "--from=0",
    "--link",
    "--mount=type=",
    "--mount=from=a,target=",
    "--chmod=u+",
    "--platform=$",
    "--chown=a:b",
    "FROM ",
    "FROM a AS a\n",
    "ONBUILD ",
    "ARG A\n",
    "ENV a=$a\n",
    "RUN ",
    "COPY ",
    "HEALTHCHECK ",
    "/",
    " ",
];

/// A small generator of numbers (xorshift64*), so that a run can be repeated.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `end`; 0 if there is nothing below.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        usize::try_from(high).unwrap_or_default() % end.max(1)
    }
}

/// `text` with one to four changes, some of them with parts of `other`.
pub(crate) fn mutant(text: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut text = text.to_vec();
    for _ in 0..=dice.below(4) {
        change(&mut text, other, dice);
    }
    text
}

fn change(text: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.below(text.len() + 1);
    let end = (at + 1 + dice.below(20)).min(text.len());
    match dice.below(10) {
        0..=3 => insert(text, at, PIECES[dice.below(PIECES.len())].as_bytes()),
        4 => _ = text.drain(at..end),
        5 => {
            let line = line(text, at).to_vec();
            let to = dice.below(text.len() + 1);
            let to = to - text[..to].iter().rev().take_while(|byte| **byte != b'\n').count();
            insert(text, to, &line);
        }
        6 => {
            let start = at - text[..at].iter().rev().take_while(|byte| **byte != b'\n').count();
            let length = line(text, at).len();
            text.drain(start..start + length);
        }
        7 => {
            let piece = line(other, dice.below(other.len() + 1)).to_vec();
            insert(text, at, &piece);
        }
        8 => {
            let piece = text[at..end].repeat(1 + dice.below(40));
            insert(text, at, &piece);
        }
        _ => {
            if let Some(byte) = text.get_mut(at) {
                *byte = u8::try_from(dice.below(256)).unwrap_or_default();
            }
        }
    }
}

fn insert(text: &mut Vec<u8>, at: usize, piece: &[u8]) {
    text.splice(at..at, piece.iter().copied());
}

/// The line around `at`, its end included.
fn line(text: &[u8], at: usize) -> &[u8] {
    let start = at - text[..at].iter().rev().take_while(|byte| **byte != b'\n').count();
    let length =
        text[start..].iter().position(|byte| *byte == b'\n').map_or(text.len() - start, |end| end + 1);
    &text[start..start + length]
}
