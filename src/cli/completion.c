/* Completions for bash and zsh, from the tables. */
#include "config.h"

#include <string.h>

#include <weir/command.h>

#include "cli/help.h"
#include "cli/options.h"

/* --- bash ------------------------------------------------------------------- */

/* Prints the possible beginnings of a value; nothing for a free value. */
static void print_value_words(const struct cli_option *option, FILE *out)
{
    const char *space = "";

    for (int i = 0; option->choices != NULL && option->choices[i] != NULL; i++, space = " ")
        fprintf(out, "%s%s", space, option->choices[i]);
    for (int i = 0; option->kind == CLI_LIMIT && i < WEIR_LIMIT_COUNT; i++, space = " ")
        fprintf(out, "%s%s=", space, weir_limit_name((enum weir_limit)i));
    if (option->kind == CLI_CHARSET)
        fputs("auto binary utf-8 utf-16 gb18030 gbk shift_jis euc-jp big5 latin1", out);
}

static void print_bash_value(const struct cli_option *option, FILE *out)
{
    fprintf(out, "    --%s", option->name);
    if (option->letter != '\0')
        fprintf(out, "|-%c", option->letter);
    fputs(") ", out);
    switch (option->kind) {
    case CLI_FILE:
    case CLI_FILES:
        fputs("_weir_reply -f", out);
        break;
    case CLI_DIRECTORY:
        fputs("_weir_reply -d", out);
        break;
    case CLI_NAME:
        fputs("_weir_reply -e", out);
        break;
    case CLI_VARIABLE:
        fputs("_weir_reply -e -S =", out);
        break;
    default:
        fputs("_weir_reply -W '", out);
        print_value_words(option, out);
        fputc('\'', out);
    }
    fputs(" ;;\n", out);
}

static void print_bash_names(const struct cli_option *options, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        fprintf(out, " --%s", options[i].name);
        if (options[i].letter != '\0')
            fprintf(out, " -%c", options[i].letter);
    }
}

/* Code to skip options that take a value. */
static void print_bash_steps(const struct cli_table *table, FILE *out)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->options[i].metavar != NULL)
            fprintf(out, "        --%s) [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++)); ((i++)) ;;\n",
                    table->options[i].name);
}

/* Values first, then names; what is left is for words. */
static void print_bash_command(const struct cli_command *command, FILE *out)
{
    struct cli_table tables[CLI_TABLES];

    cli_tables(command, tables);
    fprintf(out, "\n_weir_%s() {\n", command->name);
    if (command->words == CLI_WORDS_END_OPTIONS) {
        fputs("    local i=2\n"
              "    while ((i < COMP_CWORD)); do\n"
              "        case ${COMP_WORDS[i]} in\n"
              "        --) _weir_program $((i + 1)); return ;;\n",
              out);
        for (int table = 0; table < CLI_TABLES; table++)
            print_bash_steps(&tables[table], out);
        fputs("        -*) ;;\n"
              "        *) _weir_program $i; return ;;\n"
              "        esac\n"
              "        ((i++))\n"
              "    done\n",
              out);
    }
    fputs("    case $prev in\n", out);
    for (int table = 0; table < CLI_TABLES; table++)
        for (size_t i = 0; i < tables[table].count; i++)
            if (tables[table].options[i].metavar != NULL)
                print_bash_value(&tables[table].options[i], out);
    fputs("    *) if [[ $cur == -* ]]; then\n           _weir_reply -W '", out);
    for (int table = 0; table < CLI_TABLES; table++)
        print_bash_names(tables[table].options, tables[table].count, out);
    fputs("'\n       else\n           ", out);
    if (command == &cli_help)
        fputs("_weir_reply -W \"$subcommands\"", out);
    else if (command == &cli_audit)
        fputs("if ((COMP_CWORD == 2)); then _weir_reply -W 'verify show'; else _weir_reply -f; fi",
              out);
    else if (strcmp(command->name, "token") == 0)
        fputs("if ((COMP_CWORD == 2)); then _weir_reply -W 'new-key bearer call check'; fi", out);
    else
        fputs("_weir_reply -c", out);
    fputs("\n       fi ;;\n    esac\n}\n", out);
}

static void print_bash(FILE *out)
{
    fputs("# Completions of weir for bash.  Made by `weir help --completion bash`.\n"
          "\n"
          "# _weir_reply WAY...: what can stand here, as compgen finds it.\n"
          "_weir_reply() {\n"
          "    COMPREPLY=($(compgen \"$@\" -- \"$cur\"))\n"
          "    case ${1-} in -f|-d) compopt -o filenames 2>/dev/null ;; esac\n"
          "    [[ ${COMPREPLY-} == *= ]] && compopt -o nospace 2>/dev/null\n"
          "    return 0\n"
          "}\n"
          "\n"
          "# _weir_program POSITION: from there on the line is another program's.\n"
          "_weir_program() {\n"
          "    if declare -F _command_offset >/dev/null; then\n"
          "        _command_offset \"$1\"\n"
          "    elif ((COMP_CWORD == $1)); then\n"
          "        _weir_reply -c\n"
          "    else\n"
          "        _weir_reply -f\n"
          "    fi\n"
          "}\n",
          out);
    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++)
        print_bash_command(*command, out);
    fputs(
        "\n_weir() {\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
        "    local subcommands='",
        out);
    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++)
        fprintf(out, "%s%s", command == cli_commands ? "" : " ", (*command)->name);
    fputs("'\n"
          "    COMPREPLY=()\n"
          "    # bash takes --name=value apart at the =\n"
          "    if [[ $cur == = ]]; then\n"
          "        cur=\n"
          "    elif [[ $prev == = ]]; then\n"
          "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        _weir_reply -W \"$subcommands",
          out);
    print_bash_names(cli_common_options, cli_common_count, out);
    fputs("\"\n    elif declare -F \"_weir_${COMP_WORDS[1]}\" >/dev/null; then\n"
          "        \"_weir_${COMP_WORDS[1]}\"\n"
          "    fi\n"
          "}\n\n"
          "complete -F _weir weir\n",
          out);
}

/* --- zsh -------------------------------------------------------------------- */

/* Inside '...' and inside [...] or a message. */
static void escape_zsh(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\'", out); /* and the quote itself, below */
        else if (strchr("[]:\\", *text) != NULL)
            fputc('\\', out);
        if (*text != '`')
            fputc(*text, out);
    }
}

static void print_zsh_value(const struct cli_option *option, FILE *out)
{
    fputc(':', out);
    escape_zsh(out, option->metavar);
    fputc(':', out);
    switch (option->kind) {
    case CLI_FILE:
    case CLI_FILES:
        fputs("_files", out);
        break;
    case CLI_DIRECTORY:
        fputs("_files -/", out);
        break;
    case CLI_NAME:
        fputs("_parameters -g \"*export*\"", out);
        break;
    case CLI_CHOICE:
    case CLI_CHARSET:
    case CLI_LIMIT:
        fputc('(', out);
        print_value_words(option, out);
        fputc(')', out);
        break;
    default:
        fputc(' ', out);
    }
}

static void print_zsh_options(const struct cli_option *options, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct cli_option *option = &options[i];
        int repeats = option->kind == CLI_VARIABLE || option->kind == CLI_NAME
                      || option->kind == CLI_LIMIT || option->kind == CLI_TEXTS
                      || option->kind == CLI_FILES;

        for (int letter = option->letter != '\0'; letter >= 0; letter--) {
            fprintf(out, " \\\n            '%s", repeats ? "*" : "");
            if (letter)
                fprintf(out, "-%c%s", option->letter, option->metavar != NULL ? "+" : "");
            else
                fprintf(out, "--%s%s", option->name, option->metavar != NULL ? "=" : "");
            fputc('[', out);
            escape_zsh(out, option->help);
            fputc(']', out);
            if (option->metavar != NULL)
                print_zsh_value(option, out);
            fputc('\'', out);
        }
    }
}

static void print_zsh_subcommands(FILE *out)
{
    fputs("'1:subcommand:(", out);
    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++)
        fprintf(out, "%s%s", command == cli_commands ? "" : " ", (*command)->name);
    fputs(")'", out);
}

static void print_zsh_command(const struct cli_command *command, FILE *out)
{
    struct cli_table tables[CLI_TABLES];

    fprintf(out, "        %s)\n            _arguments -S -s", command->name);
    cli_tables(command, tables);
    for (int i = 0; i < CLI_TABLES; i++)
        print_zsh_options(tables[i].options, tables[i].count, out);
    fputs(" \\\n            ", out);
    if (command == &cli_help)
        print_zsh_subcommands(out);
    else if (command == &cli_audit)
        fputs("'1:what:(verify show)' '*:log:_files'", out);
    else if (strcmp(command->name, "token") == 0)
        fputs("'1:what:(new-key bearer call check)'", out);
    else if (command->words == CLI_WORDS_END_OPTIONS)
        fputs("'(-)1:program: _command_names -e' '*::argument: _normal'", out);
    else
        fputs("'*:stage: _command_names -e'", out);
    fputs("\n            ;;\n", out);
}

static void print_zsh(FILE *out)
{
    fputs("#compdef weir\n"
          "# Completions of weir for zsh.  Made by `weir help --completion zsh`.\n"
          "\n"
          "_weir() {\n"
          "    local context state state_descr line\n"
          "    typeset -A opt_args\n"
          "    _arguments -C",
          out);
    print_zsh_options(cli_common_options, cli_common_count, out);
    fputs(" \\\n            '1:subcommand:->subcommand' '*::argument:->rest'\n"
          "    case $state in\n"
          "    subcommand)\n"
          "        local -a subcommands=(",
          out);
    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++) {
        fprintf(out, "\n            '%s:", (*command)->name);
        escape_zsh(out, (*command)->summary);
        fputc('\'', out);
    }
    fputs("\n        )\n"
          "        _describe subcommand subcommands\n"
          "        ;;\n"
          "    rest)\n"
          "        case $words[1] in\n",
          out);
    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++)
        print_zsh_command(*command, out);
    fputs("        esac\n"
          "        ;;\n"
          "    esac\n"
          "}\n"
          "\n"
          "_weir \"$@\"\n",
          out);
}

int completion_print(const char *shell, FILE *out)
{
    if (strcmp(shell, "bash") == 0)
        print_bash(out);
    else if (strcmp(shell, "zsh") == 0)
        print_zsh(out);
    else
        return -1;
    return 0;
}
