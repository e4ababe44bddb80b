/* What the files that know Python share. Only these (py_*.c, module.c) include it.
 *
 * Every buffer is checked for type, shape, layout and, where C indexes by it, values;
 * then the GIL is released for the computation.
 */
#ifndef BOOSTLAB_PY_CORE_H
#define BOOSTLAB_PY_CORE_H

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernels.h"

enum { MAX_BUFFERS = 40, MAX_THREADS = 256 };

/* The buffers of one call, released together. */
typedef struct {
    Py_buffer views[MAX_BUFFERS];
    int count;
} buffers;

typedef enum { F32 = 'f', F64 = 'd', I32 = 'i', I64 = 'q', U64 = 'Q', I8 = 'b', U8 = 'B',
               REAL = 'r' } kind;
typedef enum { READ = 0, WRITE = 1, ANY_STRIDE = 2, FORTRAN = 4 } buffer_flags;

void release(buffers *held);

/* The type of a buffer's items, '?' for none that the core knows. */
char buffer_type(const Py_buffer *view);

/* Acquire a buffer of `dimensions` axes and the given extents (-1: any). */
Py_buffer *acquire(buffers *held, PyObject *object, const char *name, kind wanted,
                   int dimensions, const Py_ssize_t *extents, int flags);
void *vector(buffers *held, PyObject *object, const char *name, kind wanted,
             Py_ssize_t length, int flags);

/* A vector that may be None; returns 0 on error. */
int optional(buffers *held, PyObject *object, const char *name, kind wanted,
             Py_ssize_t length, int flags, void **data);

/* Entries of the buffer acquired last. */
Py_ssize_t length_of(const buffers *held);

/* A strided matrix of raw values; returns 0 on error. */
int matrix(buffers *held, PyObject *object, const char *name, bl_matrix *out);

/* Set ValueError and return 0. */
int fail(const char *message);
int check_threads(int n_threads);

/* Set the exception that a status of the core stands for; returns NULL. */
PyObject *status_error(int status);

/* Borders as bl_bin takes them. */
int check_borders(const double *borders, Py_ssize_t n_borders, const int64_t *offsets,
                  Py_ssize_t n_features);

/* Every node but the root has one parent, before it: walks end, and rows stay apart. */
int check_links(const int32_t *feature, const int32_t *left, int64_t n_nodes,
                int64_t n_features);

/* Every node has subset -1, or splits by a set that is there. */
int check_subsets(const int32_t *subset, const int32_t *left, int64_t n_nodes,
                  int64_t n_subsets);

/* Sets of 256 bits, shape (n, 4); returns 0 on error. */
int subset_table(buffers *held, PyObject *object, const uint64_t **subsets,
                 int64_t *n_subsets);

#define FOREST "boostlab._core.forest"

/* What the capsule of a forest holds. */
typedef struct {
    bl_forest forest;
    bl_layout *layout;
    int64_t n_features, n_outputs;
} forest_box;

/* A matrix of the features that a forest was grown on; returns 0 on error. */
int forest_matrix(buffers *held, const forest_box *box, PyObject *x_in,
                  const char *name, bl_matrix *x);

/* Methods of the module, by the file that has them; each ends with an empty entry. */
extern PyMethodDef py_bins_methods[], py_losses_methods[], py_trees_methods[],
    py_forests_methods[], py_linear_methods[], py_ranking_methods[],
    py_shap_methods[], py_bundles_methods[], py_scores_methods[];

/* Read what the tiles hold: None, or (bundle, n_codes, joint, bin_of) of bundles in range
 * of the tables' bins, and tiles of that many bundles; returns 0 on error. The columns and
 * n_bins are there already. */
int bundled_tiles(buffers *held, PyObject *bundles, PyObject *tiles, bl_bins *bins);

#endif
