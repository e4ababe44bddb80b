/* Values and bounds of the nodes of a tree that has rules; rules.h says how. */
#include "rules.h"

#include "grower.h"

#include <string.h>

enum { VALUE, PARENT, LOWER, UPPER, N_ROWS };    /* of a node, one number a lane each */

int bl_has_rules(const bl_params *params)
{
    return params->l1 > 0 || !isinf(params->max_delta_step) || params->path_smoothing > 0
        || params->monotone || params->random_splits || params->oblivious;
}

int64_t bl_rule_numbers(const bl_grower *s)
{
    return bl_has_rules(s->params) ? N_ROWS * s->format.lanes : 0;
}

static double *row_of(const bl_grower *s, int32_t id, int row)
{
    return s->rules + ((int64_t)id * N_ROWS + row) * s->format.lanes;
}

/* Gradients and hessians of one output of a node, from its sums of words. */
static void node_sums(const bl_grower *s, int32_t id, int k, double *g, double *h)
{
    const bl_format *format = &s->format;
    const int64_t *total = s->totals + id * s->cell_words;
    uint64_t hw = (uint64_t)total[format->lanes + k];
    *g = (double)total[k] * (1.0 / format->g_scale);
    *h = format->has_hessian
        ? (double)(int64_t)(hw >> format->w_bits) * (1.0 / format->h_scale)
        : (double)(int64_t)hw * (1.0 / format->w_scale);
}

double bl_node_value(const bl_grower *s, int32_t id, int k)
{
    double g, h;
    if (s->rules)
        return row_of(s, id, VALUE)[k];
    node_sums(s, id, k, &g, &h);
    return h + s->params->l2 > 0 ? -g / (h + s->params->l2) : 0.0;
}

/* Value a node by its sums of words; its parent's value and its bounds are there. */
static void value_node(bl_grower *s, int32_t id)
{
    double w = bl_node_weight(s, id), g, h;
    for (int k = 0; k < s->format.lanes; k++) {
        node_sums(s, id, k, &g, &h);
        row_of(s, id, VALUE)[k] =
            bl_rule_value(g, h + s->params->l2, w, s->params,
                          id ? s->params->path_smoothing : 0.0, row_of(s, id, PARENT)[k],
                          row_of(s, id, LOWER)[k], row_of(s, id, UPPER)[k]);
    }
}

void bl_rule_root(bl_grower *s)
{
    for (int k = 0; k < s->format.lanes; k++) {
        row_of(s, 0, PARENT)[k] = 0.0;
        row_of(s, 0, LOWER)[k] = -INFINITY;
        row_of(s, 0, UPPER)[k] = INFINITY;
    }
    value_node(s, 0);
}

void bl_rule_children(bl_grower *s, int32_t id, int32_t left)
{
    const bl_node_state *node = s->nodes + id;
    int lanes = s->format.lanes;
    size_t size = (size_t)lanes * sizeof *s->rules;
    int has_sign = s->params->monotone && node->split.bin < s->bins->n_bins[node->feature] - 1;
    for (int32_t child = left; child <= left + 1; child++) {
        memcpy(row_of(s, child, PARENT), row_of(s, id, VALUE), size);
        memcpy(row_of(s, child, LOWER), row_of(s, id, LOWER), size);
        memcpy(row_of(s, child, UPPER), row_of(s, id, UPPER), size);
        value_node(s, child);
    }
    for (int64_t k = 0; has_sign && k < s->target->n_outputs; k++) {
        int sign = s->params->monotone[node->feature * s->target->n_outputs + k];
        double *low = row_of(s, sign > 0 ? left : left + 1, VALUE) + k;
        double *high = row_of(s, sign > 0 ? left + 1 : left, VALUE) + k;
        double middle = *low + (*high - *low) / 2;
        if (!sign)
            continue;
        *(low + UPPER * lanes) = middle;
        *(high + LOWER * lanes) = middle;
        *low = *low > middle ? middle : *low;
        *high = *high < middle ? middle : *high;
    }
}

bl_rule bl_rule_of(const bl_grower *s, int32_t id, int64_t feature)
{
    bl_rule rule = {.value = row_of(s, id, VALUE), .lower = row_of(s, id, LOWER),
                    .upper = row_of(s, id, UPPER)};
    if (s->params->monotone) {
        rule.n_signs = (int)s->target->n_outputs;
        rule.signs = s->params->monotone + feature * s->target->n_outputs;
    }
    if (s->params->random_splits)
        rule.random = bl_hash(s->params->seed ^ 0x5A5A5A5A5A5A5A5Au,
                              (uint64_t)id * (uint64_t)s->bins->n_features
                                  + (uint64_t)feature, 0);
    return rule;
}

double bl_rule_leaf(const bl_grower *s, int32_t id, int64_t k, double g, double divisor)
{
    return bl_rule_value(g, divisor, bl_node_weight(s, id), s->params,
                         id ? s->params->path_smoothing : 0.0, row_of(s, id, PARENT)[k],
                         row_of(s, id, LOWER)[k], row_of(s, id, UPPER)[k]);
}
