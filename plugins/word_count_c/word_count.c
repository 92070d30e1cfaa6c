/*
 * Word count as a plugin in C: `split`, `pair` and `add`, over bindings that `wit-bindgen`
 * generates from the treaty.
 *
 * It takes no chains, so the host calls it one step at a time, and it groups nothing: the host
 * hands `add` the number of each value's group.
 */
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

typedef tidemill_plugin_types_batch_t batch_t;
typedef tidemill_plugin_types_field_t field_t;
typedef tidemill_plugin_types_failure_t failure_t;
typedef tidemill_plugin_types_node_t node_t;
typedef tidemill_plugin_types_operator_t operator_t;
typedef tidemill_plugin_types_output_t output_t;
typedef tidemill_plugin_types_step_t step_t;
typedef tidemill_plugin_types_task_t task_t;

/* Arrow's buffers, in Arrow's order, of a text column and of a number column. */
enum { BITMAP, OFFSETS, BYTES, TEXT_BUFFERS };
enum { VALUES = 1, NUMBER_BUFFERS };

/* ---- what the plugin says of itself ---- */

#define TEXT(text) {(uint8_t *)(text), sizeof(text) - 1}
#define COLUMNS(list, key_columns) {{list, sizeof(list) / sizeof(*list)}, key_columns}

enum { SPLIT, PAIR, ADD, OPERATORS };

static field_t line[] = {{TEXT("line"), TEXT("utf8"), false}};
static field_t word[] = {{TEXT("word"), TEXT("utf8"), false}};
static field_t one_value[] = {{TEXT("value"), TEXT("utf8"), false}};
static field_t two_values[] = {{TEXT("_1"), TEXT("utf8"), false},
                               {TEXT("_2"), TEXT("int64"), false}};
static field_t count[] = {{TEXT("value"), TEXT("int64"), false}};

static operator_t operators[OPERATORS] = {
    [SPLIT] = {.name = TEXT("split"),
               .kind = TIDEMILL_PLUGIN_TYPES_KIND_FLAT_MAP,
               .doc = TEXT("Splits a line into its words."),
               .input = COLUMNS(line, 0),
               .output = COLUMNS(one_value, 0)},
    [PAIR] = {.name = TEXT("pair"),
              .kind = TIDEMILL_PLUGIN_TYPES_KIND_MAP,
              .doc = TEXT("Pairs a word with the number one."),
              .input = COLUMNS(word, 0),
              .output = COLUMNS(two_values, 1)},
    [ADD] = {.name = TEXT("add"),
             .kind = TIDEMILL_PLUGIN_TYPES_KIND_REDUCE,
             .doc = TEXT("Adds two counts."),
             .input = COLUMNS(count, 0),
             .output = COLUMNS(count, 0)},
};

void exports_tidemill_plugin_operators_describe(
    exports_tidemill_plugin_operators_description_t *ret) {
  *ret = (exports_tidemill_plugin_operators_description_t){
      .name = TEXT("word_count_c"),
      .version = TEXT("0.1.0"),
      .doc = TEXT("Word count in C."),
      .chains = false,
      .operators = {operators, OPERATORS},
  };
}

/* ---- batches ---- */

/* Rows without nulls, in so many columns; the buffers are yet to come. */
static batch_t new_batch(uint32_t rows, size_t columns, size_t buffers) {
  batch_t batch = {.rows = rows};
  batch.nodes.len = columns;
  batch.nodes.ptr = malloc(columns * sizeof(node_t));
  for (size_t i = 0; i < columns; i++) batch.nodes.ptr[i] = (node_t){.length = rows};
  batch.buffers.len = buffers;
  batch.buffers.ptr = malloc(buffers * sizeof(plugin_list_u8_t));
  for (size_t i = 0; i < buffers; i++) batch.buffers.ptr[i] = (plugin_list_u8_t){0};
  return batch;
}

static void *new_buffer(batch_t *batch, size_t which, size_t bytes) {
  plugin_list_u8_t *buffer = &batch->buffers.ptr[which];
  if (bytes > 0) *buffer = (plugin_list_u8_t){malloc(bytes), bytes};
  return buffer->ptr;
}

static void *buffer_of(const batch_t *batch, size_t which) {
  return batch->buffers.ptr[which].ptr;
}

/* Gives a buffer of the input back as one of the output, without a copy. */
static void move_buffer(batch_t *from, batch_t *to, size_t which) {
  to->buffers.ptr[which] = from->buffers.ptr[which];
  from->buffers.ptr[which] = (plugin_list_u8_t){0};
}

static bool fail(failure_t *failure, plugin_string_t message) {
  *failure = (failure_t){.message = message};
  return false;
}

/* ---- the operators ---- */

static bool is_space(uint8_t byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\f' || byte == '\r';
}

/* Finds the next word of a line; gives where it ends, or the line's end where there is none. */
static int32_t next_word(const uint8_t *bytes, int32_t *start, int32_t line_end) {
  while (*start < line_end && is_space(bytes[*start])) *start += 1;
  int32_t end = *start;
  while (end < line_end && !is_space(bytes[end])) end += 1;
  return end;
}

static void count_words(const batch_t *lines, uint32_t *words, size_t *word_bytes) {
  const int32_t *offsets = buffer_of(lines, OFFSETS);
  const uint8_t *bytes = buffer_of(lines, BYTES);
  for (uint32_t row = 0; row < lines->rows; row++) {
    for (int32_t start = offsets[row], end; start < offsets[row + 1]; start = end) {
      end = next_word(bytes, &start, offsets[row + 1]);
      *words += end > start;
      *word_bytes += end - start;
    }
  }
}

static void split(batch_t *lines, output_t *output) {
  uint32_t words = 0;
  size_t word_bytes = 0;
  count_words(lines, &words, &word_bytes);
  output->batch = new_batch(words, 1, TEXT_BUFFERS);
  int32_t *out_offset = new_buffer(&output->batch, OFFSETS, (words + 1) * sizeof(int32_t));
  uint8_t *out = new_buffer(&output->batch, BYTES, word_bytes);
  output->origin.val = (plugin_list_u32_t){malloc(words * sizeof(uint32_t)), words};

  const int32_t *offsets = buffer_of(lines, OFFSETS);
  const uint8_t *bytes = buffer_of(lines, BYTES);
  uint32_t *origin = output->origin.val.ptr;
  int32_t written = 0;
  *out_offset++ = 0;
  for (uint32_t row = 0; row < lines->rows; row++) {
    for (int32_t start = offsets[row], end; start < offsets[row + 1]; start = end) {
      end = next_word(bytes, &start, offsets[row + 1]);
      if (end == start) continue;
      memcpy(out + written, bytes + start, end - start);
      written += end - start;
      *out_offset++ = written;
      *origin++ = row;
    }
  }
}

static void pair(batch_t *words, output_t *output) {
  uint32_t rows = words->rows;
  output->batch = new_batch(rows, 2, TEXT_BUFFERS + NUMBER_BUFFERS);
  move_buffer(words, &output->batch, OFFSETS);
  move_buffer(words, &output->batch, BYTES);
  size_t values = TEXT_BUFFERS + VALUES;
  int64_t *ones = new_buffer(&output->batch, values, rows * sizeof(int64_t));
  for (uint32_t row = 0; row < rows; row++) ones[row] = 1;
  output->origin.val = (plugin_list_u32_t){malloc(rows * sizeof(uint32_t)), rows};
  for (uint32_t row = 0; row < rows; row++) output->origin.val.ptr[row] = row;
}

bool exports_tidemill_plugin_operators_apply(
    exports_tidemill_plugin_operators_list_step_t *chain, task_t *task, bool want_origin,
    batch_t *input, output_t *ret, failure_t *err) {
  (void)task;
  *ret = (output_t){0};
  bool done = true;
  if (chain->len != 1) {
    done = fail(err, (plugin_string_t)TEXT("it takes one step at a time, as `describe` says"));
  } else if (chain->ptr[0].operator_ == SPLIT) {
    split(input, ret);
  } else if (chain->ptr[0].operator_ == PAIR) {
    pair(input, ret);
  } else {
    done = fail(err, (plugin_string_t)TEXT("no row operator has this number"));
  }
  ret->origin.is_some = want_origin;
  if (!want_origin) {
    plugin_list_u32_free(&ret->origin.val);
    ret->origin.val = (plugin_list_u32_t){0};
  }
  exports_tidemill_plugin_operators_list_step_free(chain);
  tidemill_plugin_types_batch_free(input);
  return done;
}

/* Sums wrap around, as unsigned numbers do, rather than being undefined. */
bool exports_tidemill_plugin_folds_fold(
    step_t *step, task_t *task, exports_tidemill_plugin_folds_phase_t phase, batch_t *values,
    plugin_list_u32_t *group_of_row, uint32_t groups, batch_t *ret, failure_t *err) {
  (void)task;
  (void)phase;
  bool done = step->operator_ == ADD;
  if (!done) fail(err, (plugin_string_t)TEXT("no fold has this number"));
  *ret = new_batch(groups, 1, NUMBER_BUFFERS);
  uint64_t *sums = new_buffer(ret, VALUES, groups * sizeof(uint64_t));
  for (uint32_t group = 0; group < groups; group++) sums[group] = 0;
  const uint64_t *value = buffer_of(values, VALUES);
  for (uint32_t row = 0; done && row < values->rows; row++) {
    uint32_t group = group_of_row->ptr[row];
    if (group >= groups) done = fail(err, (plugin_string_t)TEXT("a row is of no group"));
    else sums[group] += value[row];
  }
  if (!done) tidemill_plugin_types_batch_free(ret);
  tidemill_plugin_types_step_free(step);
  tidemill_plugin_types_batch_free(values);
  plugin_list_u32_free(group_of_row);
  return done;
}

bool exports_tidemill_plugin_folds_merge(step_t *step, task_t *task, batch_t *left,
                                         batch_t *right, batch_t *ret, failure_t *err) {
  (void)task;
  bool done = step->operator_ == ADD && left->rows == right->rows;
  if (done) {
    *ret = new_batch(left->rows, 1, NUMBER_BUFFERS);
    move_buffer(left, ret, VALUES);
    uint64_t *sums = buffer_of(ret, VALUES);
    const uint64_t *value = buffer_of(right, VALUES);
    for (uint32_t row = 0; row < ret->rows; row++) sums[row] += value[row];
  } else {
    fail(err, (plugin_string_t)TEXT("no fold has this number, or the sides differ in length"));
  }
  tidemill_plugin_types_step_free(step);
  tidemill_plugin_types_batch_free(left);
  tidemill_plugin_types_batch_free(right);
  return done;
}
