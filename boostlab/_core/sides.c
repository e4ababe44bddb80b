/* Which side of a split rows go to, read from columns or, without them, from tiles. */
#include "sides.h"

#include <string.h>

/* Whether each bin goes left. */
static void fill_sides(const bl_cut *cut, uint8_t goes_left[256])
{
    size_t n_left = (size_t)cut->bin + 1;
    memset(goes_left, 1, n_left);
    memset(goes_left + n_left, 0, 256 - n_left);
    for (unsigned bin = 0; cut->subset && bin < BL_MISSING; bin++)
        goes_left[bin] = (uint8_t)bl_in_subset(cut->subset, bin);
    goes_left[BL_MISSING] = cut->missing_left != 0;
}

static int64_t to_one_side(int goes_left, const int32_t *rows, int64_t n, int32_t *left,
                           int32_t *right)
{
    memmove(goes_left ? left : right, rows, (size_t)n * sizeof *rows);
    return goes_left ? n : 0;
}

static int64_t cut_tiles(const bl_bins *bins, const bl_cut *cut, const int32_t *rows,
                         int64_t n, int32_t *left, int32_t *right)
{
    uint8_t goes_left[256], by_bin[256];
    int32_t bundle = cut->feature, width = bl_tile_width(bins->n_bundles);
    fill_sides(cut, goes_left);
    if (bins->bundle) {
        const uint8_t *bin_of = bins->bin_of + (int64_t)cut->feature * 256;
        bundle = bins->bundle[cut->feature];
        if (bundle < 0)
            return to_one_side(goes_left[bin_of[0]], rows, n, left, right);
        if (bins->joint[bundle]) {
            memcpy(by_bin, goes_left, sizeof by_bin);
            for (int code = 0; code < 256; code++)
                goes_left[code] = by_bin[bin_of[code]];
        }
    }
    const uint8_t *codes =
        bins->tiles + bundle / width * bins->n_rows * BL_TILE + bundle % width;
    return bl_cpu()->partition_by(codes, BL_TILE, rows, n, goes_left, left, right);
}

int64_t bl_cut_rows(const bl_bins *bins, const bl_cut *cut, const int32_t *rows, int64_t n,
                    int32_t *left, int32_t *right)
{
    uint8_t goes_left[256];
    if (!bins->columns)
        return cut_tiles(bins, cut, rows, n, left, right);
    const uint8_t *column = bins->columns + (int64_t)cut->feature * bins->n_rows;
    if (!cut->subset)
        return bl_cpu()->partition(column, rows, n, (uint8_t)cut->bin, cut->missing_left,
                                   left, right);
    fill_sides(cut, goes_left);
    return bl_cpu()->partition_by(column, 1, rows, n, goes_left, left, right);
}
