/* Which features a node may split on: what the round, the tree, the level, the path's
 * interactions and the node itself leave of them. */
#include "grower.h"

#include <string.h>

#define TREE_SALT 0xC3C3C3C3C3C3C3C3u
#define LEVEL_SALT 0x3C3C3C3C3C3C3C3Cu
#define NODE_SALT 0xA5A5A5A5A5A5A5A5u

/* The key of rank k, from 0, of n keys, which are reordered. */
static uint64_t key_of_rank(uint64_t *keys, int32_t n, int32_t k)
{
    int32_t low = 0, high = n - 1;
    while (low < high) {
        uint64_t pivot = keys[low + (high - low) / 2];
        int32_t i = low, j = high;
        while (i <= j) {
            while (keys[i] < pivot)
                i++;
            while (keys[j] > pivot)
                j--;
            if (i > j)
                break;
            uint64_t key = keys[i];
            keys[i++] = keys[j];
            keys[j--] = key;
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            return pivot;
    }
    return keys[k];
}

/* Leave the `wanted` drawn features of the smallest keys; equal keys: the first ones.
 * Feature j has the hash of counter first + j. */
static void keep_smallest(bl_grower *s, uint64_t salt, uint64_t first, int32_t wanted,
                          uint8_t *drawn)
{
    int32_t f = s->bins->n_features, n = 0, n_below = 0;
    uint64_t seed = s->params->seed ^ salt;
    if (wanted >= f)
        return;
    for (int32_t j = 0; j < f; j++)
        if (drawn[j])
            s->keys[n++] = bl_hash(seed, first + (uint64_t)j, 0);
    if (wanted >= n)
        return;
    uint64_t last = key_of_rank(s->keys, n, wanted - 1);
    for (int32_t i = 0; i < n; i++)
        n_below += s->keys[i] < last;
    for (int32_t j = 0; j < f; j++)
        if (drawn[j]) {
            uint64_t key = bl_hash(seed, first + (uint64_t)j, 0);
            if (key > last || (key == last && n_below++ >= wanted))
                drawn[j] = 0;
        }
}

/* Whether a feature is in one of a node's sets. */
static int interacts(const bl_grower *s, const uint64_t *sets, int32_t j)
{
    int64_t n = s->params->interaction_words;
    const uint64_t *own = s->params->interactions + j * n;
    uint64_t common = 0;
    for (int64_t i = 0; i < n; i++)
        common |= own[i] & sets[i];
    return common != 0;
}

void bl_draw_features(bl_grower *s, int32_t id, uint8_t *drawn)
{
    const bl_params *params = s->params;
    int32_t f = s->bins->n_features;
    const uint8_t *usable = s->target->features;
    for (int32_t j = 0; j < f; j++)
        drawn[j] = !usable || usable[j];
    keep_smallest(s, TREE_SALT, 0, params->n_tree_features, drawn);
    keep_smallest(s, LEVEL_SALT, (uint64_t)s->nodes[id].depth * (uint64_t)f,
                  params->n_level_features, drawn);
    if (params->interactions)
        for (int32_t j = 0; j < f; j++)
            drawn[j] = drawn[j]
                && interacts(s, s->sets + id * params->interaction_words, j);
    keep_smallest(s, NODE_SALT, (uint64_t)id * (uint64_t)f, params->n_node_features,
                  drawn);
}

/* A child is in the sets of its parent that hold the feature of the split. */
void bl_give_sets(bl_grower *s, int32_t id, int32_t left)
{
    int64_t n = s->params->interaction_words;
    const uint64_t *sets = s->sets + id * n;
    const uint64_t *own = s->params->interactions + s->nodes[id].feature * n;
    for (int64_t i = 0; i < n; i++)
        s->sets[left * n + i] = s->sets[(left + 1) * n + i] = sets[i] & own[i];
}

void bl_give_all_sets(bl_grower *s)
{
    memset(s->sets, 0xFF, (size_t)s->params->interaction_words * sizeof *s->sets);
}
