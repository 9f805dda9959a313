/* What a loop calls first, where several things are due at once. */
#include "config.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "loop/loop.h"
#include "support/harness.h"

enum { TURNS = 100 };

struct scene {
    weir__loop *loop;
    weir__watch *watch;
    weir__timer *timer;
    int ends[2]; /* of a pipe */
    char called[TURNS];
    int count;
};

static void note(struct scene *scene, char what)
{
    if (scene->count < TURNS)
        scene->called[scene->count++] = what;
}

static void time_is_up(void *data)
{
    note(data, 't');
}

static void read_it(void *data, int bits)
{
    struct scene *scene = data;
    char byte;

    CU_ASSERT(bits & WEIR__READABLE);
    CU_ASSERT_EQUAL(read(scene->ends[FD_READ_END], &byte, 1), 1);
    note(scene, 'r');
}

/* What is to be done soon is put off by each event, or not. */
static void start_again(void *data, int bits)
{
    struct scene *scene = data;

    (void)bits;
    weir__timer_start(scene->timer, 0);
    note(data, 'w');
}

static void stop_it(void *data, int bits)
{
    (void)bits;
    weir__timer_close(&((struct scene *)data)->timer);
    note(data, 'w');
}

static void open_scene(struct scene *scene, weir__watch_callback readable)
{
    struct weir_error error;

    *scene = (struct scene){.loop = weir__loop_new(&error)};
    CU_ASSERT_PTR_NOT_NULL_FATAL(scene->loop);
    CU_ASSERT_EQUAL_FATAL(weir__pipe(scene->ends, &error), 0);
    weir__fd_set_nonblocking(scene->ends[FD_READ_END]);
    CU_ASSERT_EQUAL_FATAL(weir__watch_new(scene->loop, scene->ends[FD_READ_END], WEIR__READABLE,
                                          readable, scene, &scene->watch, &error),
                          0);
    CU_ASSERT_EQUAL_FATAL(weir__timer_new(scene->loop, time_is_up, scene, &scene->timer, &error),
                          0);
    weir__loop_run(scene->loop, 0); /* the kernel knows of all of it */
}

static void close_scene(struct scene *scene)
{
    weir__watch_close(&scene->watch);
    weir__timer_close(&scene->timer);
    weir__loop_free(scene->loop);
    weir__close(&scene->ends[0]);
    weir__close(&scene->ends[1]);
}

/* As a process that was stopped: a byte comes, and then the deadline passes. */
static void stand_still(struct scene *scene)
{
    const struct timespec beyond = {.tv_nsec = 20000000};

    weir__timer_start(scene->timer, 5);
    CU_ASSERT_EQUAL(write(scene->ends[FD_WRITE_END], "x", 1), 1);
    nanosleep(&beyond, NULL);
}

static void what_came_in_time_is_told_before_the_deadline(void)
{
    for (int waits = 0; waits < 2; waits++) {
        struct scene scene;

        open_scene(&scene, read_it);
        stand_still(&scene);
        weir__loop_run(scene.loop, waits);
        CU_ASSERT_NSTRING_EQUAL(scene.called, "rt", 3);
        close_scene(&scene);
    }
}

static void what_comes_in_time_can_end_the_deadline(void)
{
    struct scene scene;

    open_scene(&scene, stop_it);
    stand_still(&scene);
    for (int i = 0; i < 3; i++)
        weir__loop_run(scene.loop, 0);
    CU_ASSERT_NSTRING_EQUAL(scene.called, "www", 4);
    close_scene(&scene);
}

static void what_is_due_makes_the_descriptor_ready(void)
{
    struct scene scene;

    open_scene(&scene, read_it);
    weir__timer_start(scene.timer, 1);
    while (scene.count == 0) {
        weir__loop_settle(scene.loop);
        weir__loop_run(scene.loop, 1);
    }
    CU_ASSERT_NSTRING_EQUAL(scene.called, "t", 2);
    close_scene(&scene);
}

static void what_is_put_off_to_the_next_turn_is_not_put_off_by_each_event(void)
{
    struct scene scene;

    open_scene(&scene, start_again);
    CU_ASSERT_EQUAL(write(scene.ends[FD_WRITE_END], "x", 1), 1); /* nobody reads it */
    for (int i = 0; i < 4; i++)
        weir__loop_run(scene.loop, 0);
    CU_ASSERT_PTR_NOT_NULL(memchr(scene.called, 't', (size_t)scene.count));
    close_scene(&scene);
}

int main(void)
{
    CU_TestInfo tests[] = {
#define TEST(name) {#name, name}
        TEST(what_came_in_time_is_told_before_the_deadline),
        TEST(what_comes_in_time_can_end_the_deadline),
        TEST(what_is_due_makes_the_descriptor_ready),
        TEST(what_is_put_off_to_the_next_turn_is_not_put_off_by_each_event),
        CU_TEST_INFO_NULL,
    };

    return run_suite("loop", tests);
}
