//! Benches: the text that every subject counts: lines of ten words from five thousand.
//!
//! Takes a seed. Gives the same bytes for it on every machine. Lines are 83 bytes long on average,
//! their ends counted.

/// Words of a line.
pub const WORDS_PER_LINE: u64 = 10;
/// Different words.
pub const VOCABULARY: usize = 5_000;
/// Different lines; the text begins again after them.
pub const LINES: usize = 100_000;

/// Lengths of words, in turn: 7.3 on average, so that ten of them and their ends are 83 bytes.
const WORD_BYTES: [usize; 10] = [4, 5, 6, 7, 7, 8, 8, 9, 9, 10];

/// Lines in one run of bytes.
#[derive(Debug, Clone)]
pub struct Text {
    bytes: Vec<u8>,
    /// Where each line begins, and where the last one ends.
    starts: Vec<usize>,
}

impl Text {
    /// The text of that seed.
    pub fn new(seed: u64) -> Self {
        Self::of_lines(seed, LINES)
    }

    /// The first so many lines of the text of that seed.
    pub fn of_lines(seed: u64, lines: usize) -> Self {
        let mut chance = Chance(seed);
        let words: Vec<String> = (0..VOCABULARY).map(|n| word(n, &mut chance)).collect();
        let mut text = Self { bytes: Vec::new(), starts: vec![0] };
        for _ in 0..lines {
            for at in 0..WORDS_PER_LINE {
                let word = &words[chance.below(VOCABULARY)];
                text.bytes.extend_from_slice(word.as_bytes());
                text.bytes.push(if at + 1 == WORDS_PER_LINE { b'\n' } else { b' ' });
            }
            text.starts.push(text.bytes.len());
        }
        text
    }

    /// How many lines there are.
    pub fn lines(&self) -> usize {
        self.starts.len() - 1
    }

    /// The bytes of so many lines at most, from the line of that number on, the text repeated
    /// without end. Gives fewer lines where the text begins again.
    pub fn run(&self, from: u64, lines_max: u64) -> (&[u8], u64) {
        let from = (from % self.lines() as u64) as usize;
        let to = self.lines().min(from.saturating_add(usize::try_from(lines_max).unwrap_or(0)));
        (&self.bytes[self.starts[from]..self.starts[to]], (to - from) as u64)
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Each line without its end.
    pub fn each_line(&self) -> impl Iterator<Item = &str> {
        let lines = self.starts.windows(2);
        lines.map(|line| str::from_utf8(&self.bytes[line[0]..line[1] - 1]).unwrap_or(""))
    }
}

/// Three letters that tell words apart, then letters by chance.
fn word(number: usize, chance: &mut Chance) -> String {
    let letter = |n: usize| char::from(b'a' + (n % 26) as u8);
    let mut word: String =
        [number, number / 26, number / (26 * 26)].into_iter().map(letter).collect();
    while word.len() < WORD_BYTES[number % WORD_BYTES.len()] {
        word.push(letter(chance.below(26)));
    }
    word
}

/// SplitMix64: small, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}
