/* Scores of distributions and their natural gradients, row by row.
 *
 * With s = exp(second raw parameter), b the same of Laplace, z = (y - mu) / s, N and p the
 * standard normal cdf and density, t = y / b and w = k log(y / lam):
 *
 *   score              value                              natural gradient
 *   normal, log        z^2 / 2 + log s + log(2 pi) / 2    mu - y ; (1 - z^2) / 2
 *   normal, CRPS       s (z (2N-1) + 2p - 1/sqrt(pi))     s sqrt(pi) (1-2N) ; 4 sqrt(pi) p - 2
 *   log-normal, log    the normal's of log y, + log y     the normal's of log y
 *   Laplace, log       |z| + log b + log 2                -b sign(z) ; 1 - |z|
 *   Laplace, CRPS      b (|z| + e^-|z| - 3/4)             -2b sign(z) (1 - e^-|z|) ;
 *                                                         4 e^-|z| (1 + |z|) - 3
 *   exponential, log   t + log b                          1 - t
 *   exponential, CRPS  b (t + 2 e^-t - 3/2)               4 e^-t (1 + t) - 3
 *   Weibull, log       e^w - w + log y - log k            see boostlab/distributions
 *   gamma, log         minus log density                  see boostlab/distributions
 *   Poisson, log       mu - y log mu + log y!             1 - y / mu
 *
 * The formulas, the limits of z, t and w, and the sources are those of the families in
 * boostlab/distributions, which are the oracle. Targets below the support of a family
 * have an infinite log score.
 */
#include "bl_math.h"
#include "kernels.h"

#include <float.h>
#include <math.h>

#define BL_ROOT_PI 0x1.c5bf891b4ef6ap+0
#define BL_HALF_LOG_TAU 0x1.d67f1c864beb4p-1
#define BL_LN2 0x1.62e42fefa39efp-1
#define BL_PI2_6 0x1.a51a6625307d3p+0
#define BL_EULER_REST 0x1.b0ee6072093cep-2      /* 1 - Euler's constant */

/* By the two raw parameters; the second is 0 where a family has one. */
typedef struct {
    double first, second;
} bl_natural;

/* exp(raw), positive and finite for every number. */
static inline double bl_safe_exp(double raw)
{
    return bl_exp(bl_clip(raw, -700.0, 700.0));
}

/* log(y), finite also for 0 and below. */
static inline double bl_log_target(double y)
{
    return bl_log(y > DBL_MIN ? y : DBL_MIN);
}

static inline double bl_infinite_unless(int inside, double term)
{
    return inside ? term : bl_from_bits(0x7FF0000000000000u);
}

/* ---- normal and log-normal ------------------------------------------------------ */

static inline double bl_score_normal_log(double y, double mu, double log_s)
{
    double z = (y - mu) * bl_safe_exp(-log_s);
    return 0.5 * z * z + log_s + BL_HALF_LOG_TAU;
}

static inline bl_natural bl_natural_normal_log(double y, double mu, double log_s)
{
    double z = (y - mu) * bl_safe_exp(-log_s);
    return (bl_natural){mu - y, 0.5 - 0.5 * z * z};
}

static inline double bl_score_log_normal(double y, double mu, double log_s)
{
    double at = bl_log_target(y);
    return bl_infinite_unless(y > 0.0, bl_score_normal_log(at, mu, log_s) + at);
}

static inline bl_natural bl_natural_log_normal(double y, double mu, double log_s)
{
    return bl_natural_normal_log(bl_log_target(y), mu, log_s);
}

/* Density of the standard normal, and 2 cdf - 1, both to some 1e-15 of 1: the tail is the
 * density's exponential times a ratio of polynomials (Hart and others, 1968, Computer
 * approximations, 5666), which goes to 1 / (z sqrt(2 pi)) as it must. */
static inline double bl_normal(double z, double *twice_less_one)
{
    double size = fabs(z), at = size < 40.0 ? size : 40.0;
    double e = bl_exp(-0.5 * at * at);
    double p = ((((((3.52624965998911e-2 * at + 0.700383064443688) * at
                    + 6.37396220353165) * at + 33.912866078383) * at
                  + 112.079291497871) * at + 221.213596169931) * at + 220.206867912376);
    double q = (((((((8.83883476483184e-2 * at + 1.75566716318264) * at
                     + 16.064177579207) * at + 86.7807322029461) * at
                   + 296.564248779674) * at + 637.333633378831) * at
                 + 793.826512519948) * at + 440.413735824752);
    double side = 1.0 - 2.0 * (e * p / q);
    *twice_less_one = z < 0.0 ? -side : side;
    return e * 0x1.9884533d43651p-2;
}

static inline double bl_score_normal_crps(double y, double mu, double log_s)
{
    double side, s = bl_safe_exp(log_s), z = (y - mu) / s;
    double density = bl_normal(z, &side);
    return s * (z * side + 2.0 * density - 1.0 / BL_ROOT_PI);
}

static inline bl_natural bl_natural_normal_crps(double y, double mu, double log_s)
{
    double side, s = bl_safe_exp(log_s);
    double density = bl_normal((y - mu) / s, &side);
    return (bl_natural){-side * (s * BL_ROOT_PI), 4.0 * BL_ROOT_PI * density - 2.0};
}

/* ---- Laplace -------------------------------------------------------------------- */

static inline double bl_distance(double y, double mu, double b)
{
    double size = fabs((y - mu) / b);
    return size > 1e200 ? 1e200 : size;
}

static inline double bl_sign(double x)
{
    return (x > 0.0 ? 1.0 : 0.0) - (x < 0.0 ? 1.0 : 0.0);
}

static inline double bl_score_laplace_log(double y, double mu, double log_b)
{
    return bl_distance(y, mu, bl_safe_exp(log_b)) + BL_LN2 + log_b;
}

static inline bl_natural bl_natural_laplace_log(double y, double mu, double log_b)
{
    double b = bl_safe_exp(log_b);
    return (bl_natural){-b * bl_sign(y - mu), 1.0 - bl_distance(y, mu, b)};
}

static inline double bl_score_laplace_crps(double y, double mu, double log_b)
{
    double b = bl_safe_exp(log_b), size = bl_distance(y, mu, b);
    return b * (size + bl_exp(-size) - 0.75);
}

static inline bl_natural bl_natural_laplace_crps(double y, double mu, double log_b)
{
    double b = bl_safe_exp(log_b), size = bl_distance(y, mu, b), e = bl_exp(-size);
    double by_mu = -2.0 * b * bl_sign(y - mu) * (1.0 - e);
    /* e is 0 where the distance is large. */
    return (bl_natural){by_mu, 4.0 * (e * (1.0 + size)) - 3.0};
}

/* ---- exponential ---------------------------------------------------------------- */

static inline double bl_share_of_scale(double y, double b)
{
    return bl_clip(y / b, 0.0, 1e150);
}

static inline double bl_score_exponential_log(double y, double log_b, double none)
{
    (void)none;
    double t = bl_share_of_scale(y, bl_safe_exp(log_b));
    return bl_infinite_unless(y >= 0.0, t + log_b);
}

static inline bl_natural bl_natural_exponential_log(double y, double log_b, double none)
{
    (void)none;
    return (bl_natural){1.0 - bl_share_of_scale(y, bl_safe_exp(log_b)), 0.0};
}

static inline double bl_score_exponential_crps(double y, double log_b, double none)
{
    (void)none;
    double b = bl_safe_exp(log_b), t = bl_share_of_scale(y, b);
    return b * (t + 2.0 * bl_exp(-t) - 1.5) + (y < 0.0 ? -y : 0.0);
}

static inline bl_natural bl_natural_exponential_crps(double y, double log_b, double none)
{
    (void)none;
    double t = bl_share_of_scale(y, bl_safe_exp(log_b));
    return (bl_natural){4.0 * (bl_exp(-t) * (1.0 + t)) - 3.0, 0.0};
}

/* ---- Weibull -------------------------------------------------------------------- */

/* w, bounded, and the shape k */
static inline double bl_weibull_power(double y, double log_k, double log_lam, double *k)
{
    *k = bl_exp_clipped(bl_clip(log_k, -100.0, 100.0));
    return bl_clip(*k * (bl_log_target(y) - log_lam), -690.0, 300.0);
}

static inline double bl_score_weibull_log(double y, double log_k, double log_lam)
{
    double k, w = bl_weibull_power(y, log_k, log_lam, &k);
    return bl_infinite_unless(y > 0.0, bl_exp(w) + bl_log_target(y) - log_k - w);
}

static inline bl_natural bl_natural_weibull_log(double y, double log_k, double log_lam)
{
    const double rest = BL_EULER_REST;
    double k, w = bl_weibull_power(y, log_k, log_lam, &k);
    double over = bl_exp(w) - 1.0, first = w * over - 1.0;
    double by_scale = rest * first - (BL_PI2_6 + rest * rest) * over;
    return (bl_natural){(first - rest * over) / BL_PI2_6, by_scale / (BL_PI2_6 * k)};
}

/* ---- gamma and Poisson ---------------------------------------------------------- */

/* Asymptotic series (DLMF 5.11) from 8 on, which smaller arguments are moved beyond by the
 * recurrence; absolute errors are some 1e-14. x is at most e^100. */
static inline double bl_beyond_8(double x)
{
    return x < 8.0 ? x + 8.0 : x;
}

/* log gamma(x) less (x - 1/2) log x - x + log(2 pi) / 2 */
static inline double bl_stirling_rest(double x, double log_x)
{
    double at = bl_beyond_8(x), low = x < 8.0 ? x : 1.0, i = 1.0 / at, s = i * i;
    double odd = s * (1.0 / 1188 - s * (691.0 / 360360 - s / 156));
    double series =
        i * (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s * (1.0 / 1680 - odd))));
    double product = (low * (low + 1.0)) * ((low + 2.0) * (low + 3.0));
    product *= ((low + 4.0) * (low + 5.0)) * ((low + 6.0) * (low + 7.0));
    double moved = (at - 0.5) * bl_log(at) - 8.0 - bl_log(product) - (x - 0.5) * log_x;
    return series + (x < 8.0 ? moved : 0.0);
}

/* psi(x) - log x, and x psi'(x) - 1 */
static inline double bl_digamma_rest(double x, double *trigamma_rest)
{
    double at = bl_beyond_8(x), i = 1.0 / at, s = i * i, sum = 0.0, squares = 0.0;
    double d = s * (1.0 / 132 - s * (691.0 / 32760 - s * (1.0 / 12 - s * 3617.0 / 8160)));
    double digamma =
        -0.5 * i - s * (1.0 / 12 - s * (1.0 / 120 - s * (1.0 / 252 - s * (1.0 / 240 - d))));
    double t = s * (5.0 / 66 - s * (691.0 / 2730 - s * (7.0 / 6 - s * 3617.0 / 510)));
    double trigamma = 0.5 * i
        + s * (1.0 / 6 - s * (1.0 / 30 - s * (1.0 / 42 - s * (1.0 / 30 - t))));
    for (int k = 0; k < 8; k++) {
        double inverse = 1.0 / (x + (double)k);
        sum += inverse;
        squares += inverse * inverse;
    }
    double moved = x * ((1.0 + trigamma) * i + squares) - 1.0;
    *trigamma_rest = x < 8.0 ? moved : trigamma;
    return digamma + (x < 8.0 ? bl_log(at / x) - sum : 0.0);
}

/* e^x - 1 - x */
static inline double bl_exp_rest(double x)
{
    double small = bl_clip(x, -0.05, 0.05), e = bl_exp(x);
    double series = 1.0 + small / 8.0;
    series = 1.0 + small / 7.0 * series;
    series = 1.0 + small / 6.0 * series;
    series = 1.0 + small / 5.0 * series;
    series = 1.0 + small / 4.0 * series;
    series = 1.0 + small / 3.0 * series;
    return fabs(x) < 0.05 ? 0.5 * small * small * series : (e - 1.0) - x;
}

static inline double bl_score_gamma_log(double y, double log_a, double log_b)
{
    double a = bl_exp_clipped(bl_clip(log_a, -100.0, 100.0)), own = bl_log(a);
    double log_y = bl_log_target(y), r = (log_y - log_b) - own;
    double rest = bl_exp_rest(r > 700.0 ? 700.0 : r);
    double term = BL_HALF_LOG_TAU - 0.5 * own + bl_stirling_rest(a, own) + a * rest;
    return bl_infinite_unless(y > 0.0, (term > 1e300 ? 1e300 : term) + log_y);
}

static inline bl_natural bl_natural_gamma_log(double y, double log_a, double log_b)
{
    double a = bl_exp_clipped(bl_clip(log_a, -100.0, 100.0)), trigamma;
    double r = bl_clip((bl_log_target(y) - log_b) - bl_log(a), -700.0, 700.0);
    double rest = bl_exp_rest(r), by_shape = bl_digamma_rest(a, &trigamma) + rest;
    by_shape /= trigamma;
    return (bl_natural){by_shape, -(rest + r) - by_shape};
}

static inline double bl_score_poisson_log(double y, double log_mu, double none)
{
    (void)none;
    double at = bl_clip(log_mu, -700.0, 700.0), x = y + 1.0, log_x = bl_log(x);
    double factorial = (x - 0.5) * log_x - x + BL_HALF_LOG_TAU + bl_stirling_rest(x, log_x);
    int counted = y >= 0.0 && y == floor(y) && y - y == 0.0;
    return bl_infinite_unless(counted, (bl_exp(at) - y * at) + factorial);
}

static inline bl_natural bl_natural_poisson_log(double y, double log_mu, double none)
{
    (void)none;
    return (bl_natural){1.0 - y * bl_safe_exp(-log_mu), 0.0};
}

/* ---- many rows ------------------------------------------------------------------ */

typedef double (*bl_score_row)(double y, double first, double second);
typedef bl_natural (*bl_natural_row)(double y, double first, double second);

/* As in gradients_kernels.h: `row` is a constant of the caller. */
static inline __attribute__((always_inline)) void bl_scores_of(
    bl_score_row row, const double *restrict y, const double *restrict first,
    const double *restrict second, int64_t n, double *restrict terms)
{
    for (int64_t i = 0; i < n; i++)
        terms[i] = row(y[i], first[i], second ? second[i] : 0.0);
}

static inline __attribute__((always_inline)) void bl_naturals_of(
    bl_natural_row row, const double *restrict y, const double *restrict first,
    const double *restrict second, int64_t n, double *restrict by_first,
    double *restrict by_second)
{
    for (int64_t i = 0; i < n; i++) {
        bl_natural natural = row(y[i], first[i], second ? second[i] : 0.0);
        by_first[i] = natural.first;
        if (second)
            by_second[i] = natural.second;
    }
}

#define BL_DEFINE_SCORE(name, n_parameters)                                           \
    static void bl_scores_##name(const double *y, const double *raw, int64_t stride,  \
                                 int64_t n, double *terms)                            \
    {                                                                                 \
        bl_scores_of(bl_score_##name, y, raw, n_parameters > 1 ? raw + stride : NULL, \
                     n, terms);                                                       \
    }                                                                                 \
    static void bl_naturals_##name(const double *y, const double *raw,                \
                                   int64_t stride, int64_t n, double *natural)        \
    {                                                                                 \
        bl_naturals_of(bl_natural_##name, y, raw,                                     \
                       n_parameters > 1 ? raw + stride : NULL, n, natural,            \
                       n_parameters > 1 ? natural + stride : NULL);                   \
    }

BL_DEFINE_SCORE(normal_log, 2)
BL_DEFINE_SCORE(normal_crps, 2)
BL_DEFINE_SCORE(log_normal, 2)
BL_DEFINE_SCORE(laplace_log, 2)
BL_DEFINE_SCORE(laplace_crps, 2)
BL_DEFINE_SCORE(exponential_log, 1)
BL_DEFINE_SCORE(exponential_crps, 1)
BL_DEFINE_SCORE(weibull_log, 2)
BL_DEFINE_SCORE(gamma_log, 2)
BL_DEFINE_SCORE(poisson_log, 1)

static const bl_score_kernels bl_scores_table[BL_N_SCORES] = {
    [BL_NORMAL_LOG] = {bl_scores_normal_log, bl_naturals_normal_log, 2},
    [BL_NORMAL_CRPS] = {bl_scores_normal_crps, bl_naturals_normal_crps, 2},
    [BL_LOG_NORMAL_LOG] = {bl_scores_log_normal, bl_naturals_log_normal, 2},
    [BL_LAPLACE_LOG] = {bl_scores_laplace_log, bl_naturals_laplace_log, 2},
    [BL_LAPLACE_CRPS] = {bl_scores_laplace_crps, bl_naturals_laplace_crps, 2},
    [BL_EXPONENTIAL_LOG] = {bl_scores_exponential_log, bl_naturals_exponential_log, 1},
    [BL_EXPONENTIAL_CRPS] = {bl_scores_exponential_crps, bl_naturals_exponential_crps, 1},
    [BL_WEIBULL_LOG] = {bl_scores_weibull_log, bl_naturals_weibull_log, 2},
    [BL_GAMMA_LOG] = {bl_scores_gamma_log, bl_naturals_gamma_log, 2},
    [BL_POISSON_LOG] = {bl_scores_poisson_log, bl_naturals_poisson_log, 1},
};

/* ---- before and after ----------------------------------------------------------- */

/* out = raw + size * step between low and high; step may be NULL. */
static void bl_place(const double *restrict raw, const double *restrict step, double size,
                     double low, double high, int64_t n, double *restrict out)
{
    if (step)
        for (int64_t i = 0; i < n; i++)
            out[i] = bl_clip(step[i] * size + raw[i], low, high);
    else
        for (int64_t i = 0; i < n; i++)
            out[i] = bl_clip(raw[i], low, high);
}

/* out = value between -longest and longest, times the weight if there are weights */
static void bl_bound(const double *restrict values, double longest,
                     const double *restrict weight, int64_t n, double *restrict out)
{
    if (weight)
        for (int64_t i = 0; i < n; i++)
            out[i] = bl_clip(values[i], -longest, longest) * weight[i];
    else
        for (int64_t i = 0; i < n; i++)
            out[i] = bl_clip(values[i], -longest, longest);
}
