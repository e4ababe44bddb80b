/* How the search for a feature's bins is prepared. */
#include "bin_search.h"

#include <math.h>

/* Steps of a binary search among n borders. */
static int32_t steps_for(int32_t n)
{
    int32_t steps = 0;
    while (1 << steps <= n)
        steps++;
    return steps;
}

static int32_t slot_of(const bl_bin_search *search, double x)
{
    return search->form == BL_SLOTS_LINEAR ? bl_linear_slot(search, x)
                                           : bl_float_slot(search, x);
}

/* The most borders that share a slot. */
static int32_t most_in_slot(const bl_bin_search *search, int32_t n_borders)
{
    int32_t most = 0, count = 0, before = -1;
    for (int32_t b = 0; b < n_borders; b++) {
        int32_t slot = slot_of(search, search->borders[b]);
        count = slot == before ? count + 1 : 1;
        before = slot;
        if (count > most)
            most = count;
    }
    return most;
}

/* Set what slots are made from; returns 0 where a kind of slot is not possible. */
static int set_linear(bl_bin_search *search, double first, double last)
{
    search->form = BL_SLOTS_LINEAR;
    search->first = first;
    search->scale = (BL_BIN_SLOTS - 1) / (last - first);
    return isfinite(first) && isfinite(last - first) && isfinite(search->scale)
        && search->scale > 0.0;
}

static void set_float(bl_bin_search *search, double first, double last)
{
    search->form = BL_SLOTS_FLOAT;
    search->first_key = bl_float_key(first);
    search->last_key = bl_float_key(last);
    uint64_t range = (uint64_t)search->last_key - (uint64_t)search->first_key;
    search->shift = 0;
    while (range >> search->shift >= BL_BIN_SLOTS)
        search->shift++;
}

static void fill_starts(bl_bin_search *search, int32_t n_borders)
{
    int32_t highest = BL_BIN_TABLE - (1 << search->steps); /* stay within the table */
    int32_t slot = 0;
    for (int32_t b = 0; b <= n_borders; b++) {
        int32_t end = b < n_borders ? slot_of(search, search->borders[b])
                                    : BL_BIN_SLOTS - 1;
        int32_t start = b < highest ? b : highest;
        for (; slot <= end; slot++)
            search->starts[slot] = (uint8_t)start;
    }
}

void bl_prepare_search(const double *borders, int32_t n_borders, int with_slots,
                       bl_bin_search *search)
{
    for (int32_t b = 0; b < BL_BIN_TABLE; b++)
        search->borders[b] = b < n_borders ? borders[b] + 0.0 : INFINITY; /* no -0.0 */
    search->form = BL_SLOTS_NONE;
    search->steps = steps_for(n_borders);
    search->starts[0] = 0;
    if (!with_slots || n_borders < 2)
        return;
    double first = search->borders[0], last = search->borders[n_borders - 1];
    int32_t most = n_borders + 1;
    if (set_linear(search, first, last))
        most = most_in_slot(search, n_borders);
    if (steps_for(most) > 1) {
        set_float(search, first, last);
        int32_t other = most_in_slot(search, n_borders);
        if (other < most)
            most = other;
        else
            search->form = BL_SLOTS_LINEAR;
    }
    search->steps = steps_for(most);
    fill_starts(search, n_borders);
}
