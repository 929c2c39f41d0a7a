// From a text, or a pair of texts, to the three equally long rows of numbers that BERT takes. It knows no model.
'use strict';

/**
 * [CLS] text [SEP], or [CLS] text [SEP] pair [SEP], cut to `length` tokens and filled up with [PAD].
 * Of a pair that is too long, the longer text is cut first, as Hugging Face's `longest_first` does.
 * @returns `rows`: `input_ids`, `attention_mask`, `token_type_ids`, each a BigInt64Array of `length`;
 *   `tokenCount`: tokens before the padding; `truncated`: whether something was cut
 */
function bertTokens(tokenizer, text, textPair, length) {
  const encode = (part) => tokenizer.encode(part, { add_special_tokens: false }).ids;
  const parts = [encode(text), ...(textPair === undefined ? [] : [encode(textPair)])];
  const truncated = cutLongestFirst(parts, length - 1 - parts.length);

  const separator = tokenizer.token_to_id('[SEP]');
  const sequence = [{ id: tokenizer.token_to_id('[CLS]'), type: 0 }];
  parts.forEach((ids, type) => sequence.push(...ids.map((id) => ({ id, type })), { id: separator, type }));

  const rows = {
    input_ids: new BigInt64Array(length).fill(BigInt(tokenizer.token_to_id('[PAD]'))),
    attention_mask: new BigInt64Array(length),
    token_type_ids: new BigInt64Array(length),
  };
  sequence.forEach(({ id, type }, index) => {
    rows.input_ids[index] = BigInt(id);
    rows.attention_mask[index] = 1n;
    rows.token_type_ids[index] = BigInt(type);
  });
  return { rows, tokenCount: sequence.length, truncated };
}

/** Shortens the arrays in place to `room` entries together; says whether it had to. */
function cutLongestFirst(parts, room) {
  const total = () => parts.reduce((sum, ids) => sum + ids.length, 0);
  if (total() <= room) return false;
  if (parts.length === 1) {
    parts[0].length = room;
    return true;
  }
  const [first, second] = parts;
  const half = Math.floor(room / 2);
  if (first.length <= half) second.length = room - first.length;
  else if (second.length <= half) first.length = room - second.length;
  else {
    first.length = room - half;
    second.length = half;
  }
  return true;
}

module.exports = { bertTokens };
