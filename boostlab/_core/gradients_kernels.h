/* Derivatives and losses, row by row; signs and scales are those of the loss itself.
 *
 * With r = raw - y, m = exp(raw), s = 2y - 1 and p the probability of a class:
 *
 *   loss         value                            gradient            hessian
 *   squared      r^2 / 2                          r                   1
 *   absolute     |r|                              sign(r)             1 (none)
 *   Huber        r^2 / 2, or d|r| - d^2 / 2       clip(r, -d, d)      1 (majorises)
 *   quantile     max(-a r, (1 - a) r)             -a, 0 or 1 - a      1 (none)
 *   Poisson      y log(y / m) - y + m             m - y               m
 *   gamma        y / m - 1 - log(y / m)           1 - y / m           y / m
 *   Tweedie      half the deviance of power q     m^(2-q) - y m^(1-q) (2-q) m^(2-q)
 *                                                                   - (1-q) y m^(1-q)
 *   binomial     log(1 + exp(raw)) - y raw        p - y               p (1 - p)
 *   multinomial  logsumexp(raw) - raw_y           p_k - [y = k]       K/(K-1) p_k (1-p_k)
 *   exponential  exp(-s raw)                      -s exp(-s raw)      exp(-s raw)
 *
 * Poisson, gamma and Tweedie are half deviances: zero for a perfect prediction and
 * not negative beyond rounding. At a tie the absolute and quantile losses have the
 * gradient 0. The multinomial hessian is the diagonal of the true one times K/(K-1),
 * as Friedman (2001, eq. 37) has it: the K outputs move together.
 *
 * Where an exponential is taken its argument is clipped to +-500, so derivatives are
 * finite and curvatures of the classification losses positive for every finite raw
 * prediction; 1 - p is computed without cancellation.
 */
#include "bl_math.h"
#include "kernels.h"

#include <math.h>

typedef struct {
    double gradient, hessian;
} bl_derivative;

/* The raw prediction that bl_exp_clipped sees. */
static inline double bl_bounded(double raw)
{
    return bl_clip(raw, -500.0, 500.0);
}

/* y * log(y), 0 at 0 */
static inline double bl_y_log_y(double y)
{
    double product = y * bl_log(y);
    return y > 0.0 ? product : 0.0;
}

/* ---- one row ------------------------------------------------------------------ */

static inline bl_derivative bl_row_squared(double y, double raw, double param)
{
    (void)param;
    return (bl_derivative){raw - y, 1.0};
}

static inline double bl_term_squared(double y, double raw, double param)
{
    (void)param;
    double r = raw - y;
    return 0.5 * r * r;
}

static inline bl_derivative bl_row_quantile(double y, double raw, double level)
{
    double below = raw < y ? -level : 0.0;
    double above = 1.0 - level;
    return (bl_derivative){raw > y ? above : below, 1.0};
}

static inline double bl_term_quantile(double y, double raw, double level)
{
    double r = raw - y, above = (1.0 - level) * r, below = -level * r;
    return r > 0.0 ? above : below;
}

static inline bl_derivative bl_row_absolute(double y, double raw, double param)
{
    (void)param;
    double below = raw < y ? -1.0 : 0.0;
    return (bl_derivative){raw > y ? 1.0 : below, 1.0};
}

static inline double bl_term_absolute(double y, double raw, double param)
{
    (void)param;
    return fabs(raw - y);
}

static inline bl_derivative bl_row_huber(double y, double raw, double delta)
{
    return (bl_derivative){bl_clip(raw - y, -delta, delta), 1.0};
}

static inline double bl_term_huber(double y, double raw, double delta)
{
    double r = fabs(raw - y);
    double inner = r < delta ? r : delta;
    return inner * (r - 0.5 * inner);
}

static inline bl_derivative bl_row_poisson(double y, double raw, double param)
{
    (void)param;
    double mean = bl_exp_clipped(raw);
    return (bl_derivative){mean - y, mean};
}

static inline double bl_term_poisson(double y, double raw, double param)
{
    (void)param;
    return (bl_y_log_y(y) - y * bl_bounded(raw)) + (bl_exp_clipped(raw) - y);
}

static inline bl_derivative bl_row_gamma(double y, double raw, double param)
{
    (void)param;
    double ratio = y * bl_exp_clipped(-raw);
    return (bl_derivative){1.0 - ratio, ratio};
}

static inline double bl_term_gamma(double y, double raw, double param)
{
    (void)param;
    return (y * bl_exp_clipped(-raw) - 1.0) + (bl_bounded(raw) - bl_log(y));
}

static inline bl_derivative bl_row_tweedie(double y, double raw, double power)
{
    double bounded = bl_bounded(raw);
    double slow = y * bl_exp_clipped((1.0 - power) * bounded);
    double fast = bl_exp_clipped((2.0 - power) * bounded);
    return (bl_derivative){fast - slow, (2.0 - power) * fast + (power - 1.0) * slow};
}

static inline double bl_term_tweedie(double y, double raw, double power)
{
    double a = 1.0 - power, b = 2.0 - power, bounded = bl_bounded(raw);
    double own = bl_exp(b * bl_log(y)) / (a * b);
    double slow = y * bl_exp_clipped(a * bounded) / a;
    double fast = bl_exp_clipped(b * bounded) / b;
    return (y > 0.0 ? own : 0.0) - slow + fast;
}

static inline bl_derivative bl_row_binomial(double y, double raw, double param)
{
    (void)param;
    double odds = bl_exp_clipped(-raw);
    double p = 1.0 / (1.0 + odds), q = odds * p;
    return (bl_derivative){(1.0 - y) * p - y * q, p * q};
}

static inline double bl_term_binomial(double y, double raw, double param)
{
    (void)param;
    double positive = raw > 0.0 ? raw : 0.0;
    return (positive - y * raw) + bl_log1p(bl_exp_clipped(-fabs(raw)));
}

static inline bl_derivative bl_row_exponential(double y, double raw, double param)
{
    (void)param;
    double sign = 2.0 * y - 1.0;
    double e = bl_exp_clipped(-sign * raw);
    return (bl_derivative){-sign * e, e};
}

static inline double bl_term_exponential(double y, double raw, double param)
{
    (void)param;
    return bl_exp_clipped(-(2.0 * y - 1.0) * raw);
}

/* ---- many rows of a loss with one output ---------------------------------------- */

typedef bl_derivative (*bl_row)(double y, double raw, double param);
typedef double (*bl_term)(double y, double raw, double param);

static inline void bl_scale(double *restrict values, const double *restrict weight,
                            int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        values[i] *= weight[i];
}

/* `row` is a constant of the caller, so that its body is inlined and vectorised. A
 * hessian nobody wants goes to scratch: cheaper than a second copy of every loop. */
static inline __attribute__((always_inline)) void bl_derivatives_of(
    bl_row row, const double *restrict y, const double *restrict raw,
    const double *restrict weight, int64_t n, double param, double *restrict gradient,
    double *restrict hessian)
{
    double scratch[BL_SUM_BLOCK];
    double *restrict curvature = hessian ? hessian : scratch;
    for (int64_t i = 0; i < n; i++) {
        bl_derivative d = row(y[i], raw[i], param);
        gradient[i] = d.gradient;
        curvature[i] = d.hessian;
    }
    if (weight) {
        bl_scale(gradient, weight, n);
        if (hessian)
            bl_scale(hessian, weight, n);
    }
}

static inline __attribute__((always_inline)) void bl_loss_terms_of(
    bl_term term, const double *restrict y, const double *restrict raw, int64_t n,
    double param, double *restrict terms)
{
    for (int64_t i = 0; i < n; i++)
        terms[i] = term(y[i], raw[i], param);
}

/* The two table entries of a loss, from what it does with one row. */
#define BL_DEFINE_DERIVATIVES(name, row)                                              \
    static void name(const double *y, const double *raw, const double *weight,        \
                     int64_t n, int64_t stride, int64_t n_outputs, double param,      \
                     double *gradient, double *hessian)                               \
    {                                                                                 \
        (void)stride;                                                                 \
        (void)n_outputs;                                                              \
        bl_derivatives_of(row, y, raw, weight, n, param, gradient, hessian);          \
    }
#define BL_DEFINE_LOSS_TERMS(name, term)                                              \
    static void name(const double *y, const double *raw, int64_t n, int64_t stride,   \
                     int64_t n_outputs, double param, double *terms)                  \
    {                                                                                 \
        (void)stride;                                                                 \
        (void)n_outputs;                                                              \
        bl_loss_terms_of(term, y, raw, n, param, terms);                              \
    }

BL_DEFINE_DERIVATIVES(bl_derivatives_squared, bl_row_squared)
BL_DEFINE_DERIVATIVES(bl_derivatives_absolute, bl_row_absolute)
BL_DEFINE_DERIVATIVES(bl_derivatives_huber, bl_row_huber)
BL_DEFINE_DERIVATIVES(bl_derivatives_quantile, bl_row_quantile)
BL_DEFINE_DERIVATIVES(bl_derivatives_poisson, bl_row_poisson)
BL_DEFINE_DERIVATIVES(bl_derivatives_gamma, bl_row_gamma)
BL_DEFINE_DERIVATIVES(bl_derivatives_tweedie, bl_row_tweedie)
BL_DEFINE_DERIVATIVES(bl_derivatives_binomial, bl_row_binomial)
BL_DEFINE_DERIVATIVES(bl_derivatives_exponential, bl_row_exponential)
BL_DEFINE_LOSS_TERMS(bl_loss_terms_squared, bl_term_squared)
BL_DEFINE_LOSS_TERMS(bl_loss_terms_absolute, bl_term_absolute)
BL_DEFINE_LOSS_TERMS(bl_loss_terms_huber, bl_term_huber)
BL_DEFINE_LOSS_TERMS(bl_loss_terms_quantile, bl_term_quantile)
BL_DEFINE_LOSS_TERMS(bl_loss_terms_poisson, bl_term_poisson)
BL_DEFINE_LOSS_TERMS(bl_loss_terms_gamma, bl_term_gamma)
BL_DEFINE_LOSS_TERMS(bl_loss_terms_tweedie, bl_term_tweedie)
BL_DEFINE_LOSS_TERMS(bl_loss_terms_binomial, bl_term_binomial)
BL_DEFINE_LOSS_TERMS(bl_loss_terms_exponential, bl_term_exponential)

/* ---- multinomial ---------------------------------------------------------------- */

/* top[i] = the row's largest raw prediction */
static inline void bl_row_maximum(const double *restrict raw, int64_t n, int64_t stride,
                                  int64_t n_outputs, double *restrict top)
{
    for (int64_t i = 0; i < n; i++)
        top[i] = raw[i];
    for (int64_t k = 1; k < n_outputs; k++)
        for (int64_t i = 0; i < n; i++) {
            double value = raw[k * stride + i];
            top[i] = value > top[i] ? value : top[i];
        }
}

static inline double bl_share(double raw, double top)
{
    return bl_exp_clipped(raw - top);
}

/* A row's largest share is 1, so the shares sum to 1 + others + n_largest where
 * n_largest counts the largest ones from -1; small `others` keep their precision. */
static inline void bl_add_share(double share, double *others, double *n_largest)
{
    *others += share >= 1.0 ? 0.0 : share;
    *n_largest += share >= 1.0 ? 1.0 : 0.0;
}

static void bl_derivatives_multinomial(
    const double *restrict y, const double *restrict raw, const double *restrict weight,
    int64_t n, int64_t stride, int64_t n_outputs, double param,
    double *restrict gradient, double *restrict hessian)
{
    (void)param;
    double top[BL_SUM_BLOCK], others[BL_SUM_BLOCK], n_largest[BL_SUM_BLOCK];
    double scratch[BL_SUM_BLOCK];
    const double others_moving = n_outputs > 1 ? (double)n_outputs - 1.0 : 1.0;
    const double factor = (double)n_outputs / others_moving;
    bl_row_maximum(raw, n, stride, n_outputs, top);
    for (int64_t i = 0; i < n; i++) {
        others[i] = 0.0;
        n_largest[i] = -1.0;
    }
    for (int64_t k = 0; k < n_outputs; k++)
        for (int64_t i = 0; i < n; i++) {
            double share = bl_share(raw[k * stride + i], top[i]);
            gradient[k * stride + i] = share;
            bl_add_share(share, others + i, n_largest + i);
        }
    for (int64_t i = 0; i < n; i++) {
        others[i] += n_largest[i];
        top[i] = 1.0 / (1.0 + others[i]);    /* from here on: probability of a share */
    }
    for (int64_t k = 0; k < n_outputs; k++) {
        double *restrict slope = gradient + k * stride;
        double *restrict curvature = hessian ? hessian + k * stride : scratch;
        double label = (double)k;
        for (int64_t i = 0; i < n; i++) {
            double share = slope[i], p = share * top[i];
            double smaller = 1.0 + (others[i] - share);
            double q = (share < 1.0 ? smaller : others[i]) * top[i];
            slope[i] = y[i] == label ? -q : p;
            curvature[i] = factor * (p * q);
        }
        if (weight) {
            bl_scale(slope, weight, n);
            if (hessian)
                bl_scale(curvature, weight, n);
        }
    }
}

static void bl_loss_terms_multinomial(const double *restrict y,
                                      const double *restrict raw, int64_t n,
                                      int64_t stride, int64_t n_outputs, double param,
                                      double *restrict terms)
{
    (void)param;
    double top[BL_SUM_BLOCK], others[BL_SUM_BLOCK], n_largest[BL_SUM_BLOCK];
    bl_row_maximum(raw, n, stride, n_outputs, top);
    for (int64_t i = 0; i < n; i++) {
        others[i] = terms[i] = 0.0;
        n_largest[i] = -1.0;
    }
    for (int64_t k = 0; k < n_outputs; k++) {
        double label = (double)k;
        for (int64_t i = 0; i < n; i++) {
            double value = raw[k * stride + i];
            bl_add_share(bl_share(value, top[i]), others + i, n_largest + i);
            terms[i] = y[i] == label ? top[i] - value : terms[i];
        }
    }
    for (int64_t i = 0; i < n; i++)
        terms[i] += bl_log1p(others[i] + n_largest[i]);
}

/* ---- the tables ----------------------------------------------------------------- */

static const bl_derivatives_kernel bl_derivatives_table[BL_N_LOSSES] = {
    [BL_SQUARED] = bl_derivatives_squared,
    [BL_ABSOLUTE] = bl_derivatives_absolute,
    [BL_HUBER] = bl_derivatives_huber,
    [BL_QUANTILE] = bl_derivatives_quantile,
    [BL_POISSON] = bl_derivatives_poisson,
    [BL_GAMMA] = bl_derivatives_gamma,
    [BL_TWEEDIE] = bl_derivatives_tweedie,
    [BL_BINOMIAL] = bl_derivatives_binomial,
    [BL_MULTINOMIAL] = bl_derivatives_multinomial,
    [BL_EXPONENTIAL] = bl_derivatives_exponential,
};

static const bl_loss_terms_kernel bl_loss_terms_table[BL_N_LOSSES] = {
    [BL_SQUARED] = bl_loss_terms_squared,
    [BL_ABSOLUTE] = bl_loss_terms_absolute,
    [BL_HUBER] = bl_loss_terms_huber,
    [BL_QUANTILE] = bl_loss_terms_quantile,
    [BL_POISSON] = bl_loss_terms_poisson,
    [BL_GAMMA] = bl_loss_terms_gamma,
    [BL_TWEEDIE] = bl_loss_terms_tweedie,
    [BL_BINOMIAL] = bl_loss_terms_binomial,
    [BL_MULTINOMIAL] = bl_loss_terms_multinomial,
    [BL_EXPONENTIAL] = bl_loss_terms_exponential,
};
