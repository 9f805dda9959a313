#include "config.h"

#include "audit/journal.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

enum { MOST_WAITING = 4096 };

struct entry {
    struct entry *next;
    json_t *record;
};

struct weir__audit_journal {
    struct weir__audit_log *log; /* of the thread alone */
    int syncs;
    struct weir__audit_bells bells;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct entry *first, **last;
    size_t waiting;
    uint64_t added, written; /* numbers of the last ones */
    int is_closing;
    struct weir_error failure; /* status 0: none */
};

static void ring(int fd)
{
    static const uint64_t one = 1;

    if (fd >= 0 && write(fd, &one, sizeof one) < 0) {
        /* it is full: then it is readable */
    }
}

static void fail(struct weir__audit_journal *journal, const struct weir_error *why)
{
    pthread_mutex_lock(&journal->mutex);
    if (journal->failure.status == 0) {
        journal->failure = *why;
        ring(journal->bells.failed);
    }
    pthread_cond_broadcast(&journal->changed);
    pthread_mutex_unlock(&journal->mutex);
}

/* All that wait; NULL: the journal is closed, and none do.  last: the number of the last one. */
static struct entry *take_all(struct weir__audit_journal *journal, uint64_t *last)
{
    struct entry *entries;

    pthread_mutex_lock(&journal->mutex);
    while (journal->first == NULL && !journal->is_closing)
        pthread_cond_wait(&journal->changed, &journal->mutex);
    entries = journal->first;
    journal->first = NULL;
    journal->last = &journal->first;
    journal->waiting = 0;
    *last = journal->added;
    pthread_cond_broadcast(&journal->changed);
    pthread_mutex_unlock(&journal->mutex);
    return entries;
}

static int append(struct weir__audit_journal *journal, json_t *record, struct weir_error *error)
{
    if (record == NULL)
        return weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for a record");
    if (weir__audit_append(journal->log, record, error) < 0)
        return error->status;
    return weir__audit_tell(journal->log, record, error);
}

static void note_written(struct weir__audit_journal *journal, uint64_t last)
{
    pthread_mutex_lock(&journal->mutex);
    journal->written = last;
    pthread_mutex_unlock(&journal->mutex);
    ring(journal->bells.written);
}

/* After a failure nothing more is written: what is there is without a gap. */
static void *run(void *data)
{
    struct weir__audit_journal *journal = data;
    uint64_t last;
    struct entry *entries, *entry;
    struct weir_error error;
    int status = 0;

    while ((entries = take_all(journal, &last)) != NULL) {
        int was_good = status == 0;

        while ((entry = entries) != NULL) {
            if (status == 0)
                status = append(journal, entry->record, &error);
            entries = entry->next;
            json_decref(entry->record);
            free(entry);
        }
        if (status == 0 && journal->syncs)
            status = weir__audit_sync(journal->log, &error);
        if (status == 0)
            note_written(journal, last);
        else if (was_good)
            fail(journal, &error);
    }
    return NULL;
}

static int start_thread(struct weir__audit_journal *journal)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&journal->thread, NULL, run, journal);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

struct weir__audit_journal *weir__audit_journal_open(const struct weir__audit_options *options,
                                                     struct weir__audit_bells bells,
                                                     struct weir_error *error)
{
    struct weir__audit_journal *journal = calloc(1, sizeof *journal);
    struct weir__audit_options own = *options;
    int failed;

    if (journal == NULL) {
        weir__fail(error, WEIR_ERR_NOMEM, 0, "no memory for an audit log");
        return NULL;
    }
    own.syncs_late = !own.no_sync;
    own.no_sync = 1;
    journal->syncs = own.syncs_late;
    journal->bells = bells;
    journal->last = &journal->first;
    journal->log = weir__audit_open(&own, error);
    if (journal->log == NULL) {
        free(journal);
        return NULL;
    }
    pthread_mutex_init(&journal->mutex, NULL);
    pthread_cond_init(&journal->changed, NULL);
    failed = start_thread(journal);
    if (failed == 0)
        return journal;
    weir__fail(error, WEIR_ERR_SYSTEM, failed, "cannot start a thread for the audit log");
    pthread_cond_destroy(&journal->changed);
    pthread_mutex_destroy(&journal->mutex);
    weir__audit_close(journal->log);
    free(journal);
    return NULL;
}

static uint64_t lose(struct weir__audit_journal *journal, json_t *record)
{
    struct weir_error error;

    json_decref(record);
    weir__fail(&error, WEIR_ERR_NOMEM, 0, "no memory for a record");
    fail(journal, &error);
    return UINT64_MAX;
}

uint64_t weir__audit_journal_add(struct weir__audit_journal *journal, json_t *record)
{
    struct entry *entry = record != NULL ? malloc(sizeof *entry) : NULL;
    uint64_t number = UINT64_MAX;

    if (entry == NULL)
        return lose(journal, record);
    entry->next = NULL;
    entry->record = record;
    pthread_mutex_lock(&journal->mutex);
    while (journal->waiting >= MOST_WAITING && journal->failure.status == 0)
        pthread_cond_wait(&journal->changed, &journal->mutex);
    if (journal->failure.status == 0) {
        *journal->last = entry;
        journal->last = &entry->next;
        journal->waiting++;
        number = ++journal->added;
        entry = NULL;
    }
    pthread_cond_broadcast(&journal->changed);
    pthread_mutex_unlock(&journal->mutex);
    if (entry != NULL) { /* behind one that is lost there would be a gap */
        json_decref(entry->record);
        free(entry);
    }
    return number;
}

uint64_t weir__audit_journal_written(struct weir__audit_journal *journal)
{
    uint64_t number;

    pthread_mutex_lock(&journal->mutex);
    number = journal->written;
    pthread_mutex_unlock(&journal->mutex);
    return number;
}

int weir__audit_journal_failure(struct weir__audit_journal *journal, struct weir_error *error)
{
    int status;

    pthread_mutex_lock(&journal->mutex);
    status = journal->failure.status;
    if (status < 0 && error != NULL)
        *error = journal->failure;
    pthread_mutex_unlock(&journal->mutex);
    return status;
}

int weir__audit_journal_close(struct weir__audit_journal *journal, struct weir_error *error)
{
    int status;

    if (journal == NULL)
        return 0;
    pthread_mutex_lock(&journal->mutex);
    journal->is_closing = 1;
    pthread_cond_broadcast(&journal->changed);
    pthread_mutex_unlock(&journal->mutex);
    pthread_join(journal->thread, NULL);
    status = weir__audit_journal_failure(journal, error);
    pthread_cond_destroy(&journal->changed);
    pthread_mutex_destroy(&journal->mutex);
    weir__audit_close(journal->log);
    free(journal);
    return status;
}
