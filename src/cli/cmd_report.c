/* weir report - show a document, or compare two. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/document.h"
#include "cli/files.h"
#include "cli/opts_report.h"
#include "cli/output.h"
#include "cli/report_history.h"
#include "cli/report_model.h"
#include "cli/report_show.h"

enum { WIDTH = 80, WIDTH_MOST = 160, DOCUMENTS_MS = 10000 };

static int width_of_output(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return WIDTH;
    return size.ws_col > WIDTH_MOST ? WIDTH_MOST : size.ws_col;
}

static int fail(const struct weir_error *error, const char *path)
{
    cli_say(&cli_report, "%s%s%s", path, *path != '\0' ? ": " : "", error->text);
    return error->status == WEIR_ERR_NOMEM ? CLI_FAILED : CLI_USAGE;
}

/* Returns NULL if the text is no document, after it has been said. */
static json_t *model_of(const char *path, const struct weir__buffer *text, int *status)
{
    struct weir_error error;
    json_t *document, *model;

    if (report_is_history(text->bytes, text->length)) {
        model = report_history(text->bytes, text->length, &error);
    } else {
        document = document_parse_json(path, text->bytes, text->length, &error);
        if (document == NULL) {
            *status = fail(&error, "");
            return NULL;
        }
        model = report_model(document, &error);
        json_decref(document);
    }
    *status = model != NULL ? 0 : fail(&error, strcmp(path, "-") == 0 ? "standard input" : path);
    return model;
}

/* Returns 0 and a model, or the exit status. */
static int read_model(const char *path, json_t **model)
{
    struct weir__buffer text = {0};
    struct weir_error error;
    int status;

    if (document_read(path, &text, &error) < 0)
        status = fail(&error, "");
    else
        *model = model_of(path, &text, &status);
    weir__buffer_clear(&text);
    return status;
}

/* Returns 0, or the exit status. */
static int show(const struct report_values *values, const struct cli_list *words,
                const json_t *model)
{
    struct weir_error error = {0};
    char names[1000], *page;
    int status = 0;

    if (values->html == NULL) {
        report_text(model, width_of_output());
        return 0;
    }
    snprintf(names, sizeof names, "%.400s%s%.400s", words->items[0],
             words->count > 1 ? " and " : "", words->count > 1 ? words->items[1] : "");
    page = report_page(model, names);
    if (page != NULL && strcmp(values->html, "-") == 0)
        fputs(page, stdout);
    else if (page != NULL && document_write(values->html, page, &error) < 0)
        status = output_status(error.sys_errno, CLI_FAILED);
    else if (page == NULL)
        status = CLI_FAILED;
    if (status != 0)
        cli_say(&cli_report, "--html: %s", page != NULL ? error.text : "no memory for the page");
    free(page);
    return status;
}

/* Returns 0, or the exit status. */
static int check_command_line(const struct report_values *values, const struct cli_parsed *parsed)
{
    const struct cli_list *words = &parsed->words;
    struct weir__file_set files = {0};
    struct weir_error error;

    if (words->count == 0 || words->count > 2)
        return cli_bad_usage(&cli_report, words->count == 0 ? "no document given"
                                                            : "more than two documents given");
    files_begin(&files, parsed);
    weir__file_set_fd(&files, WEIR__FILE_WRITTEN | WEIR__FILE_STANDARD, NULL, STDOUT_FILENO);
    for (size_t i = 0; i < words->count; i++)
        files_add(&files, WEIR__FILE_READ, "a document", words->items[i]);
    files_add(&files, WEIR__FILE_WRITTEN, "--html", values->html);
    if (weir__file_set_end(&files, &error) < 0) {
        cli_say(&cli_report, "%s", error.text);
        return files_status(&cli_report, &error);
    }
    return cli_check_stdout(&cli_report, CLI_FAILED);
}

static int execute(const struct report_values *values, const struct cli_parsed *parsed)
{
    const struct cli_list *words = &parsed->words;
    json_t *models[2] = {NULL, NULL}, *compared = NULL;
    struct weir_error error;
    int status = check_command_line(values, parsed);

    output_set_deadline(weir__clock_ns(), DOCUMENTS_MS);
    for (size_t i = 0; i < words->count && status == 0; i++)
        status = read_model(words->items[i], &models[i]);
    if (status == 0 && words->count == 2) {
        compared = report_compare(models[0], models[1], &error);
        if (compared == NULL)
            status = fail(&error, "");
    }
    if (status == 0)
        status = show(values, words, compared != NULL ? compared : models[0]);
    json_decref(models[0]);
    json_decref(models[1]);
    json_decref(compared);
    return status;
}

int cmd_report(int argc, char **argv)
{
    struct report_values values = {0};
    struct cli_parsed parsed;
    int status = cli_parse(&cli_report, argc, argv, &values, &parsed);

    if (status != CLI_GO_ON)
        return status;
    status = execute(&values, &parsed);
    cli_parsed_clear(&parsed);
    return status;
}
