// Builds the tokenizer that comes with bert-base: the file format, algorithm, size and special tokens of BERT's
// uncased English vocabulary, with a stand-in word list. Trained weights need the tokenizer they were trained with.
import { strict as assert } from 'node:assert';
import { adjectives, nouns, plainWords, verbs } from './common-words.ts';

/** Entries of BERT's uncased English vocabulary. */
export const bertVocabularySize = 30_522;

/** Their ids are those of BERT's vocabulary. */
export const specialTokens = { '[PAD]': 0, '[UNK]': 100, '[CLS]': 101, '[SEP]': 102, '[MASK]': 103 } as const;

/** BERT's vocabulary keeps everything below this id for special and unused tokens. */
const firstOrdinaryId = 999;

/** The text of a Hugging Face `tokenizer.json` (WordPiece, uncased) of {@link bertVocabularySize} entries, the same on every call. */
export function buildTokenizerJson(): string {
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: Object.entries(specialTokens).map(([content, id]) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: postProcessor,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(buildVocabulary().map((token, id) => [token, id])),
    },
  });
}

const sequence = (id: 'A' | 'B', type: 0 | 1): object => ({ Sequence: { id, type_id: type } });
const special = (id: string, type: 0 | 1): object => ({ SpecialToken: { id, type_id: type } });
const postProcessor = {
  type: 'TemplateProcessing',
  single: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)],
  pair: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0), sequence('B', 1), special('[SEP]', 1)],
  special_tokens: Object.fromEntries(
    (['[CLS]', '[SEP]'] as const).map((token) => [token, { id: token, ids: [specialTokens[token]], tokens: [token] }]),
  ),
};

/** The tokens by id. Word pieces repeat themselves; a set keeps the first of each, in order. */
function buildVocabulary(): string[] {
  const tokens = new Set<string>([...reservedTokens(), ...singleCharacters()]);
  for (const token of wordPieces()) {
    if (tokens.size >= bertVocabularySize) break;
    tokens.add(token);
  }
  assert.equal(tokens.size, bertVocabularySize, 'the word list fills the vocabulary');
  return [...tokens];
}

/** [PAD], [unused0]…[unused98], the other special tokens, [unused99]…[unused993]. */
function reservedTokens(): string[] {
  const tokens: string[] = Array.from({ length: firstOrdinaryId });
  for (const [token, id] of Object.entries(specialTokens)) tokens[id] = token;
  let unusedCount = 0;
  for (let id = 0; id < firstOrdinaryId; id += 1) tokens[id] ??= `[unused${unusedCount++}]`;
  return tokens;
}

/** Every character that a word may be cut down to, at its beginning and, for letters and digits, inside it. */
function singleCharacters(): string[] {
  const ranges: [first: number, last: number][] = [
    [0x21, 0x7e], // ASCII
    [0xa1, 0xff], // Latin-1
    [0x131, 0x131], // dotless i
    [0x153, 0x153], // oe
    [0x3b1, 0x3c9], // Greek
    [0x430, 0x45f], // Cyrillic
    [0x5d0, 0x5ea], // Hebrew
    [0x621, 0x64a], // Arabic
    [0x905, 0x939], // Devanagari
    [0xe01, 0xe2e], // Thai
    [0x1100, 0x1112], // Hangul, decomposed as BERT's normalisation leaves it
    [0x1161, 0x1175],
    [0x11a8, 0x11c2],
    [0x2010, 0x2026], // dashes, quotation marks, ellipsis
    [0x20ac, 0x20ac], // euro
    [0x2190, 0x2193], // arrows
    [0x2200, 0x222b], // mathematics
    [0x3001, 0x3011], // CJK punctuation
    [0x3041, 0x3093], // Hiragana
    [0x30a1, 0x30f3], // Katakana
  ];
  const characters = ranges
    .flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, offset) => String.fromCodePoint(first + offset)))
    .filter((character) => character === uncased(character) && !/\p{C}/u.test(character));
  return [...characters, ...characters.filter((character) => /[\p{L}\p{N}]/u.test(character)).map((character) => `##${character}`)];
}

/** What BERT's uncased normalisation makes of a character: lower case, without accents. */
const uncased = (character: string): string => character.toLowerCase().normalize('NFD').replace(/\p{Mn}/gu, '');

/** Word pieces in the order in which they get ids: common words, their forms, numbers, affixes, syllables. */
export function* wordPieces(): Generator<string> {
  yield* plainWords;
  yield* verbs;
  yield* nouns;
  yield* adjectives;
  for (const affix of affixes) yield `##${affix}`;
  for (const prefix of prefixes) yield prefix;
  for (const verb of verbs) yield* [plural(verb), joined(verb, 'ing'), joined(verb, 'ed'), joined(verb, 'er')];
  for (const noun of nouns) yield plural(noun);
  for (const adjective of adjectives) yield* [adverb(adjective), joined(adjective, 'er'), joined(adjective, 'est'), joined(adjective, 'ness')];
  for (let number = 0; number < 100; number += 1) yield* [String(number), `##${String(number).padStart(2, '0')}`];
  for (let year = 1800; year <= 2030; year += 1) yield String(year);
  for (let number = 100; number <= 1000; number += 1) yield String(number);
  for (const syllable of syllables()) yield* [`##${syllable}`, syllable];
  for (const prefix of prefixes) for (const stem of [...verbs, ...adjectives, ...nouns]) yield prefix + stem;
}

const words = (text: string): string[] => text.trim().split(/\s+/);
const prefixes = words('un re in im dis non over under pre post inter super anti sub mis out semi micro multi trans counter up down co de en fore mid self');
const affixes = words(`
s ed ing er est ly ness ment tion sion ation able ible al ial ful less ous ious ive ative ity ty ism ist ists ic ical
ish ize ise izing ising ized ised ization isation ify ified ance ence ant ent ary ory dom hood ship ship ward wards
wise like age ages en ens ery or ors ers ess es y ies ied ling let ette ology ological graphy graph gram meter metre
phone scope cracy crat phile phobia cide ware work works man men woman land town ville burg ton ford berg stein son
sen ski sky ova ovic ez es os us um a ae i o ings ments tions ations ities nesses ably ibly fully lessly ously ively
`);

const endsInConsonantY = /[^aeiou]y$/;

function plural(word: string): string {
  if (endsInConsonantY.test(word)) return `${word.slice(0, -1)}ies`;
  return /(?:s|x|z|ch|sh)$/.test(word) ? `${word}es` : `${word}s`;
}

/** `word` with a suffix: a silent e goes before a vowel, y becomes i (but not before i). */
function joined(word: string, suffix: string): string {
  if (word.endsWith('e') && !/(?:ee|oe|ye)$/.test(word) && /^[aei]/.test(suffix)) {
    return suffix === 'ing' && word.endsWith('ie') ? `${word.slice(0, -2)}ying` : word.slice(0, -1) + suffix;
  }
  if (endsInConsonantY.test(word) && !suffix.startsWith('i')) return `${word.slice(0, -1)}i${suffix}`;
  // One consonant after one vowel is doubled in short words: stop, stopping.
  if (/^[^aeiou]*[aeiou][bdgklmnprt]$/.test(word) && /^[aei]/.test(suffix) && !/[ckl]k$/.test(word)) return word + word.slice(-1) + suffix;
  return word + suffix;
}

function adverb(adjective: string): string {
  if (adjective.endsWith('ic')) return `${adjective}ally`;
  if (/[^aeiou]le$/.test(adjective)) return `${adjective.slice(0, -1)}y`;
  return joined(adjective, 'ly');
}

/** Beginnings, vowels and endings combined, the shortest first. */
function* syllables(): Generator<string> {
  const onsets = words('b c d f g h j k l m n p qu r s t v w y z bl br ch cl cr dr fl fr gl gr ph pl pr sc sh sk sl sm sn sp st str sw th tr tw wh');
  const vowels = words('a e i o u y ai au ea ee ei ie io oa oi oo ou ue');
  const codas = ['', ...words('n r s t l d m c p g k b x f v z ck ll nd ng nk nt rd rk rm rn rs rt ss st th ch sh ld lt mp ct pt')];
  const all = ['', ...onsets].flatMap((onset) => vowels.flatMap((vowel) => codas.map((coda) => onset + vowel + coda)));
  yield* all.filter((syllable) => syllable.length > 1).sort((left, right) => left.length - right.length);
}
