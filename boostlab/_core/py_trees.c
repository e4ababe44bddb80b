/* Growing and applying one tree, for Python. */
#include "py_core.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static int check_rows(const int32_t *rows, Py_ssize_t n, int64_t n_rows)
{
    if (n < 1 || rows[0] < 0 || rows[n - 1] >= n_rows)
        return fail("rows must be at least one index within the table");
    for (Py_ssize_t i = 1; i < n; i++)
        if (rows[i] <= rows[i - 1])
            return fail("rows must ascend strictly");
    return 1;
}

static int check_params(const bl_params *p)
{
    if (p->max_leaves < 1 || p->max_depth < 0 || p->n_node_features < 1)
        return fail("max_leaves and n_node_features start at 1, max_depth at 0");
    if (!(p->min_leaf_weight >= 0) || !(p->min_leaf_hessian >= 0) || !(p->l2 >= 0)
        || isinf(p->l2) || !(p->category_smoothing >= 0) || isinf(p->category_smoothing)
        || !(p->category_l2 >= 0) || isinf(p->category_l2))
        return fail("min_leaf_weight, min_leaf_hessian, l2, category_smoothing and "
                    "category_l2 must be at least 0");
    return 1;
}

static int table_extents(Py_ssize_t n_features, Py_ssize_t n_rows, bl_bins *bins)
{
    if (n_features < 1 || n_features > (1 << 24) || n_rows < 1 || n_rows > BL_MAX_ROWS)
        return fail("a table must have at least one feature and one row, and at most "
                    "2^24 features and 2^27 - 1 rows");
    bins->n_features = (int32_t)n_features;
    bins->n_rows = n_rows;
    return 1;
}

static int table_columns(buffers *held, PyObject *columns, bl_bins *bins)
{
    Py_buffer *view = acquire(held, columns, "columns", U8, 2, NULL, READ);
    if (!view)
        return 0;
    *bins = (bl_bins){.columns = view->buf};
    return table_extents(view->shape[0], view->shape[1], bins);
}

static int table_tiles(buffers *held, PyObject *tiles, PyObject *n_bins, PyObject *bundles,
                       bl_bins *bins)
{
    if (!bins->columns) {
        Py_ssize_t shape[3] = {-1, -1, BL_TILE};
        Py_buffer *view = acquire(held, tiles, "tiles", U8, 3, shape, READ);
        if (!view || !vector(held, n_bins, "n_bins", I32, -1, READ)
            || !table_extents(length_of(held), view->shape[1], bins))
            return 0;
    }
    bins->n_bins = vector(held, n_bins, "n_bins", I32, bins->n_features, READ);
    if (!bins->n_bins)
        return 0;
    for (int32_t j = 0; j < bins->n_features; j++)
        if (bins->n_bins[j] < 0 || bins->n_bins[j] > BL_MAX_BINS)
            return fail("n_bins must lie between 0 and 255");
    return bundled_tiles(held, bundles, tiles, bins);
}

static int border_count_matches(const bl_bins *bins, const int64_t *offsets)
{
    for (int32_t j = 0; j < bins->n_features; j++) {
        int64_t wanted = bins->n_bins[j] > 0 ? bins->n_bins[j] - 1 : 0;
        if (offsets[j + 1] - offsets[j] != wanted)
            return fail("a feature of n bins must have n - 1 borders");
    }
    return 1;
}

#define WORKSPACE "boostlab._core.workspace"

/* A second call while the workspace is in use takes memory of its own. */
typedef struct {
    bl_workspace *memory[MAX_THREADS];     /* the first is always there */
    atomic_int in_use;
} workspace_box;

static void destroy_workspace(PyObject *capsule)
{
    workspace_box *box = PyCapsule_GetPointer(capsule, WORKSPACE);
    for (int t = 0; box && t < MAX_THREADS; t++)
        bl_workspace_free(box->memory[t]);
    free(box);
}

static PyObject *core_workspace(PyObject *self, PyObject *args)
{
    workspace_box *box = calloc(1, sizeof *box);
    PyObject *capsule = NULL;
    (void)self;
    (void)args;
    if (box && (box->memory[0] = bl_workspace_new()))
        capsule = PyCapsule_New(box, WORKSPACE, destroy_workspace);
    else
        PyErr_NoMemory();
    if (!capsule && box) {
        bl_workspace_free(box->memory[0]);
        free(box);
    }
    return capsule;
}

/* What PyArg_ParseTuple leaves of the arguments of grow. */
typedef struct {
    PyObject *columns, *tiles, *n_bins, *categorical, *borders, *offsets, *bundles;
    PyObject *gradient, *hessian, *weight, *rows, *features, *test;
    PyObject *feature, *left, *threshold, *value, *gain, *weight_out, *bin, *missing_left;
    PyObject *subset, *subsets;
    PyObject *seed, *ids, *workspace, *rules, *monotone, *interactions, *reduce;
    bl_params params;
    long long first_row;
    int n_threads;
} grow_arguments;

typedef struct {
    bl_bins bins;
    bl_target target;
    bl_tree tree;
    double *borders;
    int64_t *offsets;
    int32_t *ids;
} grow_input;

static int parse_grow(PyObject *args, grow_arguments *a)
{
    bl_params *p = &a->params;
    return PyArg_ParseTuple(
        args, "(OOOOOOO)(OOOOOO)(iidddddiiO)(OOOOOOOOOO)OOiO|OL:grow", &a->columns, &a->tiles,
        &a->n_bins, &a->categorical, &a->borders, &a->offsets, &a->bundles,
        &a->gradient, &a->hessian, &a->weight, &a->rows, &a->features, &a->test, &p->max_leaves,
        &p->max_depth, &p->min_leaf_weight, &p->min_leaf_hessian, &p->l2, &p->category_smoothing, &p->category_l2,
        &p->depth_wise, &p->n_node_features, &a->seed,
        &a->feature, &a->left, &a->threshold, &a->value, &a->gain, &a->weight_out,
        &a->bin, &a->missing_left, &a->subset, &a->subsets, &a->ids, &a->workspace,
        &a->n_threads, &a->rules, &a->reduce, &a->first_row);
}

static int parse_rules(buffers *held, grow_arguments *a, const bl_bins *bins,
                       int64_t n_outputs)
{
    bl_params *p = &a->params;
    Py_ssize_t shape[2] = {bins->n_features, -1};
    Py_buffer *view;
    p->max_delta_step = INFINITY;
    p->n_tree_features = p->n_level_features = bins->n_features;
    if (a->rules == Py_None)
        return 1;
    if (!PyTuple_Check(a->rules))
        return fail("rules must be a tuple or None");
    if (!PyArg_ParseTuple(a->rules, "ddddiOOiii|i:rules", &p->min_gain, &p->l1,
                          &p->max_delta_step, &p->path_smoothing, &p->random_splits,
                          &a->monotone, &a->interactions, &p->n_tree_features,
                          &p->n_level_features, &p->oblivious,
                          &p->fair_ties))
        return 0;
    if (!(p->min_gain >= 0) || !(p->l1 >= 0) || !(p->path_smoothing >= 0)
        || !(p->max_delta_step > 0) || isinf(p->l1) || isinf(p->path_smoothing))
        return fail("min_gain, l1 and path_smoothing must be at least 0, max_delta_step "
                    "greater");
    if (p->oblivious && p->random_splits)
        return fail("an oblivious tree draws no random splits");
    if (p->fair_ties && (p->oblivious || p->random_splits))
        return fail("ties are fair only between the best splits of single nodes");
    if (p->n_tree_features < 1 || p->n_level_features < 1)
        return fail("n_tree_features and n_level_features start at 1");
    if (a->interactions != Py_None) {
        view = acquire(held, a->interactions, "interactions", U64, 2, shape, READ);
        if (!view)
            return 0;
        p->interactions = view->buf;
        p->interaction_words = view->shape[1];
    }
    return optional(held, a->monotone, "monotone", I8, bins->n_features * n_outputs,
                    READ, (void **)&p->monotone);
}

/* Derivatives of several outputs, one after another. */
static int output_major(buffers *held, PyObject *object, const char *name,
                        Py_ssize_t n_rows, Py_ssize_t n_outputs, const double **out,
                        int64_t *found)
{
    Py_ssize_t shape[2] = {n_rows, n_outputs};
    Py_buffer *view = acquire(held, object, name, F64, 2, shape, FORTRAN);
    if (!view)
        return 0;
    *out = view->buf;
    *found = view->shape[1];
    if (*found >= 1 && *found <= BL_MAX_OUTPUTS)
        return 1;
    return fail("a tree has between 1 and 16 outputs");
}

static int is_disjoint(const int32_t *a, int64_t n, const int32_t *b, int64_t m)
{
    for (int64_t i = 0, j = 0; i < n && j < m; *(a[i] < b[j] ? &i : &j) += 1)
        if (a[i] == b[j])
            return 0;
    return 1;
}

/* None, or the two halves of the held-out rows and the step of the test. */
static int grow_test(buffers *held, PyObject *test, const bl_bins *bins,
                     bl_target *target)
{
    PyObject *rows[2];
    if (test == Py_None)
        return 1;
    if (!PyTuple_Check(test))
        return fail("test must be a tuple or None");
    if (!PyArg_ParseTuple(test, "OOd:test", rows, rows + 1, &target->test_step))
        return 0;
    if (!(target->test_step >= 0) || isinf(target->test_step))
        return fail("the step of a test must be at least 0 and finite");
    target->tests = 1;
    for (int half = 0; half < 2; half++) {
        if (!(target->held[half] =
                  vector(held, rows[half], "held-out rows", I32, -1, READ)))
            return 0;
        int64_t n = target->n_held[half] = length_of(held);
        if (n && !check_rows(target->held[half], n, bins->n_rows))
            return 0;
        if (!target->rows
            || !is_disjoint(target->rows, target->n_sampled, target->held[half], n))
            return fail("held-out rows must be others than rows, which must be given");
    }
    return 1;
}

static int grow_target(buffers *held, const grow_arguments *a, const bl_bins *bins,
                       bl_target *target)
{
    if (!output_major(held, a->gradient, "gradient", bins->n_rows, -1, &target->gradient,
                      &target->n_outputs))
        return 0;
    if (a->hessian != Py_None
        && !output_major(held, a->hessian, "hessian", bins->n_rows, target->n_outputs,
                         &target->hessian, &target->n_outputs))
        return 0;
    if (!optional(held, a->weight, "weight", F64, bins->n_rows, READ,
                  (void **)&target->weight)
        || !optional(held, a->rows, "rows", I32, -1, READ, (void **)&target->rows))
        return 0;
    target->n_sampled = target->rows ? length_of(held) : 0;
    int may_be_empty = a->reduce && a->reduce != Py_None;    /* other parts have rows */
    if (target->rows && !(target->n_sampled == 0 && may_be_empty)
        && !check_rows(target->rows, target->n_sampled, bins->n_rows))
        return 0;
    return optional(held, a->features, "features", U8, bins->n_features, READ,
                    (void **)&target->features)
        && grow_test(held, a->test, bins, target);
}

static int grow_borders(buffers *held, const grow_arguments *a, grow_input *in)
{
    Py_ssize_t n_borders;
    return (in->borders = vector(held, a->borders, "borders", F64, -1, READ))
        && (n_borders = length_of(held), 1)
        && (in->offsets =
                vector(held, a->offsets, "offsets", I64, in->bins.n_features + 1, READ))
        && check_borders(in->borders, n_borders, in->offsets, in->bins.n_features)
        && border_count_matches(&in->bins, in->offsets);
}

/* Where sets of categories go: needed only if a feature has categories. */
static int grow_subsets(buffers *held, const grow_arguments *a, grow_input *in)
{
    bl_tree *tree = &in->tree;
    Py_ssize_t shape[2] = {tree->capacity / 2, 4};
    if (!in->bins.categorical)
        return 1;
    if (!(tree->subset = vector(held, a->subset, "subset", I32, tree->capacity, WRITE)))
        return 0;
    Py_buffer *view = acquire(held, a->subsets, "subsets", U64, 2, shape, WRITE);
    tree->subsets = view ? view->buf : NULL;
    return view != NULL;
}

static int grow_tree_arrays(buffers *held, const grow_arguments *a, grow_input *in)
{
    bl_tree *tree = &in->tree;
    if (!(tree->feature = vector(held, a->feature, "feature", I32, -1, WRITE)))
        return 0;
    Py_ssize_t n = tree->capacity = length_of(held);
    if (n < 1)
        return fail("the output arrays must hold at least one node");
    Py_ssize_t shape[2] = {n, in->target.n_outputs};
    Py_buffer *value = acquire(held, a->value, "value", F64, 2, shape, WRITE);
    tree->value = value ? value->buf : NULL;
    if (!grow_subsets(held, a, in))
        return 0;
    return value && (tree->left = vector(held, a->left, "left", I32, n, WRITE))
        && (tree->threshold = vector(held, a->threshold, "threshold", F64, n, WRITE))
        && (tree->gain = vector(held, a->gain, "gain", F64, n, WRITE))
        && (tree->weight = vector(held, a->weight_out, "weight_out", F64, n, WRITE))
        && (tree->bin = vector(held, a->bin, "bin", U8, n, WRITE))
        && (tree->missing_left =
                vector(held, a->missing_left, "missing_left", U8, n, WRITE))
        && (in->ids = vector(held, a->ids, "ids", I32, in->bins.n_rows, WRITE));
}

/* A hook in Python: it is called on the thread that grows, without the GIL. */
typedef struct {
    PyObject *callable;
    PyThreadState *thread;
} reduce_hook;

/* Call hook(buffer, "sum" | "max") with a copy, so that nothing it keeps can dangle. */
static int call_reduce(void *context, int64_t *numbers, int64_t n, bl_reduction reduction)
{
    reduce_hook *hook = context;
    Py_ssize_t size = (Py_ssize_t)n * (Py_ssize_t)sizeof *numbers;
    int done = 0;
    PyEval_RestoreThread(hook->thread);
    PyObject *bytes = PyByteArray_FromStringAndSize((const char *)numbers, size);
    PyObject *view = bytes ? PyMemoryView_FromObject(bytes) : NULL;
    PyObject *typed = view ? PyObject_CallMethod(view, "cast", "s", "q") : NULL;
    PyObject *result = NULL;
    if (typed)
        result = PyObject_CallFunction(hook->callable, "Os", typed,
                                       reduction == BL_REDUCE_SUM ? "sum" : "max");
    if (result && PyByteArray_Size(bytes) == size) {
        memcpy(numbers, PyByteArray_AsString(bytes), (size_t)size);
        done = 1;
    } else if (result) {
        fail("reduce must not resize its buffer");
    }
    Py_XDECREF(result);
    Py_XDECREF(typed);
    Py_XDECREF(view);
    Py_XDECREF(bytes);
    hook->thread = PyEval_SaveThread();
    return done;
}

static int grow_parts(const grow_arguments *a, reduce_hook *hook, bl_parts *parts,
                      bl_target *target)
{
    if (!a->reduce || a->reduce == Py_None)
        return 1;
    if (!PyCallable_Check(a->reduce)) {
        PyErr_SetString(PyExc_TypeError, "reduce must be callable or None");
        return 0;
    }
    if (a->bundles != Py_None)
        return fail("parts of a table have no bundles, whose codes would differ");
    if (a->first_row < 0 || a->first_row > BL_MAX_ROWS)
        return fail("first_row must lie between 0 and 2^27 - 1");
    hook->callable = a->reduce;
    *parts = (bl_parts){.reduce = call_reduce, .context = hook,
                        .first_row = a->first_row};
    target->parts = parts;
    return 1;
}

/* One call of grow, its arguments checked. */
typedef struct {
    grow_arguments a;
    grow_input in;
    reduce_hook hook;
    bl_parts parts;
    buffers held;
    workspace_box *box;
} grow_call;

static int read_call(PyObject *args, grow_call *call)
{
    grow_arguments *a = &call->a;
    grow_input *in = &call->in;
    buffers *held = &call->held;
    if (!parse_grow(args, a) || !check_threads(a->n_threads)
        || (a->workspace != Py_None
            && !(call->box = PyCapsule_GetPointer(a->workspace, WORKSPACE))))
        return 0;
    a->params.seed = PyLong_AsUnsignedLongLong(a->seed);
    if (PyErr_Occurred())
        return 0;
    a->params.max_depth = a->params.max_depth == -1 ? INT32_MAX : a->params.max_depth;
    return check_params(&a->params)
        && (a->columns == Py_None || table_columns(held, a->columns, &in->bins))
        && table_tiles(held, a->tiles, a->n_bins, a->bundles, &in->bins)
        && optional(held, a->categorical, "categorical", U8, in->bins.n_features, READ,
                    (void **)&in->bins.categorical)
        && grow_target(held, a, &in->bins, &in->target)
        && parse_rules(held, a, &in->bins, in->target.n_outputs)
        && grow_borders(held, a, in)
        && grow_tree_arrays(held, a, in)
        && grow_parts(a, &call->hook, &call->parts, &in->target);
}

static PyObject *core_grow(PyObject *self, PyObject *args)
{
    grow_call call = {0};
    int status = BL_OK, ready = read_call(args, &call);
    grow_input *in = &call.in;
    (void)self;
    if (ready) {
        int shared = call.box && atomic_exchange(&call.box->in_use, 1) == 0;
        call.hook.thread = PyEval_SaveThread();
        bl_workspace *memory = shared ? call.box->memory[0] : bl_workspace_new();
        status = memory ? bl_grow(&in->bins, &in->target, in->borders, in->offsets,
                                  &call.a.params, &in->tree, in->ids, memory,
                                  call.a.n_threads)
                        : BL_NO_MEMORY;
        if (shared)
            atomic_store(&call.box->in_use, 0);
        else
            bl_workspace_free(memory);
        PyEval_RestoreThread(call.hook.thread);
    }
    release(&call.held);
    if (!ready)
        return NULL;
    return status == BL_OK ? PyLong_FromLongLong(in->tree.n_nodes) : status_error(status);
}

/* Memory for each thread: that of the box where nobody uses it, filled up as needed. */
static int many_workspaces(bl_workspace **memory, int n_threads)
{
    for (int t = 0; t < n_threads; t++)
        if (!memory[t] && !(memory[t] = bl_workspace_new()))
            return 0;
    return 1;
}

/* Grow the trees of calls that were read; returns a status. */
static int grow_calls(grow_call *calls, Py_ssize_t n, bl_growth *trees)
{
    bl_workspace *own[MAX_THREADS] = {0}, **memory = own;
    workspace_box *box = calls[0].box;
    int n_threads = calls[0].a.n_threads, status = BL_OK;
    for (Py_ssize_t i = 0; i < n; i++) {
        grow_input *in = &calls[i].in;
        trees[i] = (bl_growth){.bins = &in->bins, .target = &in->target,
                               .borders = in->borders, .offsets = in->offsets,
                               .params = &calls[i].a.params, .tree = &in->tree,
                               .ids = in->ids};
    }
    int shared = box && atomic_exchange(&box->in_use, 1) == 0;
    Py_BEGIN_ALLOW_THREADS
    if (shared)
        memory = box->memory;
    int used = bl_many_at_once(trees, n, n_threads);
    if (!many_workspaces(memory, used))
        status = BL_NO_MEMORY;
    else
        bl_grow_many(trees, n, memory, used, n_threads);
    for (int t = 0; t < MAX_THREADS; t++)
        bl_workspace_free(own[t]);
    if (shared)
        atomic_store(&box->in_use, 0);
    Py_END_ALLOW_THREADS
    for (Py_ssize_t i = 0; status == BL_OK && i < n; i++)
        status = trees[i].status;
    return status;
}

static int read_calls(PyObject *list, Py_ssize_t n, grow_call *calls)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *args = PyList_GetItem(list, i);
        if (!args || !PyTuple_Check(args))
            return fail("the trees must be tuples of what grow takes");
        if (!read_call(args, calls + i))
            return 0;
        if (calls[i].in.target.parts)
            return fail("trees on parts of a table are grown one by one");
    }
    return 1;
}

static PyObject *core_grow_many(PyObject *self, PyObject *list)
{
    Py_ssize_t n = PyList_Check(list) ? PyList_Size(list) : -1;
    PyObject *sizes = NULL;
    (void)self;
    if (n < 1) {
        fail("grow_many takes a list of at least one tree");
        return NULL;
    }
    grow_call *calls = calloc((size_t)n, sizeof *calls);
    bl_growth *trees = calloc((size_t)n, sizeof *trees);
    if (!calls || !trees) {
        PyErr_NoMemory();
    } else if (read_calls(list, n, calls)) {
        int status = grow_calls(calls, n, trees);
        if (status != BL_OK)
            status_error(status);
        else
            sizes = PyList_New(n);
    }
    for (Py_ssize_t i = 0; sizes && i < n; i++) {
        PyObject *size = PyLong_FromLongLong(calls[i].in.tree.n_nodes);
        if (!size || PyList_SetItem(sizes, i, size) != 0)
            Py_CLEAR(sizes);
    }
    for (Py_ssize_t i = 0; calls && i < n; i++)
        release(&calls[i].held);
    free(calls);
    free(trees);
    return sizes;
}

int check_links(const int32_t *feature, const int32_t *left, int64_t n_nodes,
                int64_t n_features)
{
    uint8_t *has_parent = calloc((size_t)n_nodes, 1);
    int64_t n_children = 0;
    if (!has_parent) {
        PyErr_NoMemory();
        return 0;
    }
    for (int64_t i = 0; i < n_nodes && !PyErr_Occurred(); i++) {
        if (left[i] < 0)
            continue;
        if (left[i] <= i || left[i] + (int64_t)1 >= n_nodes)
            fail("a tree links to a node outside itself or before its parent");
        else if (feature[i] < 0 || feature[i] >= n_features)
            fail("a tree splits on a feature that the table does not have");
        else if (has_parent[left[i]] || has_parent[left[i] + 1])
            fail("a node of a tree has two parents");
        else {
            has_parent[left[i]] = has_parent[left[i] + 1] = 1;
            n_children += 2;
        }
    }
    free(has_parent);
    if (!PyErr_Occurred() && n_children != n_nodes - 1)
        fail("a node of a tree has no parent");
    return !PyErr_Occurred();
}

int check_subsets(const int32_t *subset, const int32_t *left, int64_t n_nodes,
                  int64_t n_subsets)
{
    for (int64_t i = 0; i < n_nodes; i++) {
        if (subset[i] < -1 || subset[i] >= n_subsets)
            return fail("a tree splits by a set of categories that is not there");
        if (subset[i] >= 0 && left[i] < 0)
            return fail("a leaf of a tree has a set of categories");
    }
    return 1;
}

int subset_table(buffers *held, PyObject *object, const uint64_t **subsets,
                 int64_t *n_subsets)
{
    Py_ssize_t shape[2] = {-1, 4};
    Py_buffer *view = acquire(held, object, "subsets", U64, 2, shape, READ);
    if (!view)
        return 0;
    *subsets = view->buf;
    *n_subsets = view->shape[0];
    return 1;
}

/* The table of apply_bins: columns, or a tuple of what there is without them. */
static int applied_table(buffers *held, PyObject *table, bl_bins *bins)
{
    PyObject *tiles, *n_bins, *bundles;
    *bins = (bl_bins){0};
    if (!PyTuple_Check(table))
        return table_columns(held, table, bins);
    return PyArg_ParseTuple(table, "OOO:table", &tiles, &n_bins, &bundles)
        && table_tiles(held, tiles, n_bins, bundles, bins);
}

static PyObject *core_apply_bins(PyObject *self, PyObject *args)
{
    PyObject *table, *feature, *left, *bin, *missing_left, *subset, *subsets, *ids_out;
    buffers held = {.count = 0};
    bl_bins bins;
    bl_tree tree = {0};
    int32_t *ids;
    const uint64_t *sets;
    int64_t n_subsets;
    int n_threads, status = BL_OK, ready = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOOOOOi:apply_bins", &table, &feature, &left, &bin,
                          &missing_left, &subset, &subsets, &ids_out, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    if (applied_table(&held, table, &bins)
        && (tree.feature = vector(&held, feature, "feature", I32, -1, READ))
        && (tree.n_nodes = length_of(&held)) > 0
        && (tree.left = vector(&held, left, "left", I32, tree.n_nodes, READ))
        && (tree.bin = vector(&held, bin, "bin", U8, tree.n_nodes, READ))
        && (tree.missing_left =
                vector(&held, missing_left, "missing_left", U8, tree.n_nodes, READ))
        && (tree.subset = vector(&held, subset, "subset", I32, tree.n_nodes, READ))
        && subset_table(&held, subsets, &sets, &n_subsets)
        && (ids = vector(&held, ids_out, "ids", I32, bins.n_rows, WRITE))
        && check_links(tree.feature, tree.left, tree.n_nodes, bins.n_features)
        && check_subsets(tree.subset, tree.left, tree.n_nodes, n_subsets)) {
        tree.subsets = (uint64_t *)sets;    /* not written to */
        Py_BEGIN_ALLOW_THREADS
        status = bl_apply_bins(&tree, &bins, ids, n_threads);
        Py_END_ALLOW_THREADS
        ready = 1;
    } else if (!PyErr_Occurred()) {
        fail("a tree must have at least one node");
    }
    release(&held);
    if (!ready)
        return NULL;
    return status == BL_OK ? Py_NewRef(Py_None) : status_error(status);
}

PyMethodDef py_trees_methods[] = {
    {"workspace", core_workspace, METH_NOARGS, "workspace() -> capsule"},
    {"grow", core_grow, METH_VARARGS, "grow(...) -> int; see boostlab_core.h"},
    {"grow_many", core_grow_many, METH_O, "grow_many([arguments of grow]) -> list of int"},
    {"apply_bins", core_apply_bins, METH_VARARGS,
     "apply_bins(columns | (tiles, n_bins, bundles), feature, left, bin, missing_left, "
     "subset, subsets, ids, n_threads)"},
    {NULL, NULL, 0, NULL},
};
