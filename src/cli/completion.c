/* Completions for bash, zsh and fish, from the tables. */
#include "config.h"

#include <string.h>

#include <weir/command.h>

#include "cli/help.h"
#include "cli/options.h"

/* What a word can be. */
static const struct {
    const char *bash, *zsh, *fish;
} operands[] = {
    [CLI_OPERANDS_FREE] = {":", "'*: : '", NULL},
    [CLI_OPERANDS_FILES] = {"_weir_reply -f", "'*:file:_files'", "-F"},
    [CLI_OPERANDS_STAGES] = {"_weir_reply -c", "'*:stage: _command_names -e'",
                             "-a '(complete --do-complete=(commandline -ct))'"},
    [CLI_OPERANDS_PROGRAM] = {"_weir_reply -c",
                              "'(-)1:program: _command_names -e' '*::argument: _normal'",
                              "-a '(__weir_program)'"},
};

static void print_verbs(const struct cli_command *command, FILE *out)
{
    for (size_t i = 0; command->verbs[i] != NULL; i++)
        fprintf(out, "%s%s", i == 0 ? "" : " ", command->verbs[i]);
}

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
    if (command->operands == CLI_OPERANDS_PROGRAM) {
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
    if (command == &cli_help) {
        fputs("_weir_reply -W \"$subcommands\"; return\n           ", out);
    } else if (command->verbs != NULL) {
        fputs("((COMP_CWORD > 2)) || { _weir_reply -W '", out);
        print_verbs(command, out);
        fputs("'; return; }\n           ", out);
    }
    fputs(operands[command->operands].bash, out);
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
    if (command == &cli_help) {
        print_zsh_subcommands(out);
        fputc(' ', out);
    } else if (command->verbs != NULL) {
        fputs("'1:what:(", out);
        print_verbs(command, out);
        fputs(")' ", out);
    }
    fputs(operands[command->operands].zsh, out);
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

/* --- fish ------------------------------------------------------------------- */

/* Inside '...'. */
static void escape_fish(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("'\\", *text) != NULL)
            fputc('\\', out);
        if (*text != '`')
            fputc(*text, out);
    }
}

static void print_fish_value(const struct cli_option *option, FILE *out)
{
    switch (option->kind) {
    case CLI_FILE:
    case CLI_FILES:
        fputs(" -r -F", out);
        break;
    case CLI_DIRECTORY:
        fputs(" -x -a '(__fish_complete_directories)'", out);
        break;
    case CLI_NAME:
        fputs(" -x -a '(set -nx)'", out);
        break;
    case CLI_VARIABLE:
        fputs(" -x -a '(set -nx)='", out);
        break;
    default:
        fputs(" -x -a '", out);
        print_value_words(option, out);
        fputc('\'', out);
    }
}

/* when: the condition under which the options are offered, without the subcommand's name. */
static void print_fish_options(const struct cli_option *options, size_t count, const char *when,
                               FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "complete -c weir -n '%s' -l %s", when, options[i].name);
        if (options[i].letter != '\0')
            fprintf(out, " -s %c", options[i].letter);
        if (options[i].metavar != NULL)
            print_fish_value(&options[i], out);
        fputs(" -d '", out);
        escape_fish(out, options[i].help);
        fputs("'\n", out);
    }
}

/* The options that take a value, for __weir_program. */
static void print_fish_steps(const struct cli_table *table, FILE *out)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->options[i].metavar == NULL)
            continue;
        fprintf(out, " --%s", table->options[i].name);
        if (table->options[i].letter != '\0')
            fprintf(out, " -%c", table->options[i].letter);
    }
}

static void print_fish_subcommands(FILE *out)
{
    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++)
        fprintf(out, "%s%s", command == cli_commands ? "" : " ", (*command)->name);
}

static void print_fish_command(const struct cli_command *command, FILE *out)
{
    struct cli_table tables[CLI_TABLES];
    int is_program = command->operands == CLI_OPERANDS_PROGRAM;
    char when[64];

    cli_tables(command, tables);
    snprintf(when, sizeof when, "%s %s", is_program ? "__weir_before" : "__weir_in", command->name);
    fputc('\n', out);
    if (is_program) {
        fprintf(out, "set -g __weir_values_%s", command->name);
        for (int i = 0; i < CLI_TABLES; i++)
            print_fish_steps(&tables[i], out);
        fputc('\n', out);
    }
    for (int i = 0; i < CLI_TABLES; i++)
        print_fish_options(tables[i].options, tables[i].count, when, out);
    if (command == &cli_help || command->verbs != NULL) {
        fprintf(out, "complete -c weir -n '%s; and __weir_at 2' -a '", when);
        if (command == &cli_help)
            print_fish_subcommands(out);
        else
            print_verbs(command, out);
        fputs("'\n", out);
    }
    if (operands[command->operands].fish != NULL)
        fprintf(out, "complete -c weir -n '__weir_in %s%s' %s\n", command->name,
                command->verbs != NULL ? "; and not __weir_at 2" : "",
                operands[command->operands].fish);
}

static void print_fish(FILE *out)
{
    fputs("# Completions of weir for fish.  Made by `weir help --completion fish`.\n"
          "\n"
          "# __weir_at N: whether this is word N, counted from 0.\n"
          "function __weir_at\n"
          "    test (count (commandline -opc)) -eq $argv[1]\n"
          "end\n"
          "\n"
          "# __weir_in SUBCOMMAND: whether the line is of this subcommand.\n"
          "function __weir_in\n"
          "    set -l words (commandline -opc)\n"
          "    test (count $words) -ge 2; and test $words[2] = $argv[1]\n"
          "end\n"
          "\n"
          "# __weir_words: the words so far of another program. Succeeds if the\n"
          "# program, or a -- before it, is there.\n"
          "function __weir_words\n"
          "    set -l words (commandline -opc)\n"
          "    set -l values __weir_values_$words[2]\n"
          "    set -e words[1 2]\n"
          "    while set -q words[1]\n"
          "        switch $words[1]\n"
          "            case --\n"
          "                set -e words[1]\n"
          "                string escape -- $words\n"
          "                return 0\n"
          "            case '-*'\n"
          "                contains -- $words[1] $$values; and set -e words[1]\n"
          "                set -e words[1]\n"
          "            case '*'\n"
          "                string escape -- $words\n"
          "                return 0\n"
          "        end\n"
          "    end\n"
          "    return 1\n"
          "end\n"
          "\n"
          "# __weir_before SUBCOMMAND: whether its program has not begun.\n"
          "function __weir_before\n"
          "    __weir_in $argv[1]; and not __weir_words >/dev/null\n"
          "end\n"
          "\n"
          "# What the other program completes.\n"
          "function __weir_program\n"
          "    complete --do-complete=(string join ' ' -- (__weir_words) (commandline -ct))\n"
          "end\n"
          "\n"
          "complete -c weir -f\n",
          out);
    print_fish_options(cli_common_options, cli_common_count, "__weir_at 1", out);
    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++) {
        fprintf(out, "complete -c weir -n '__weir_at 1' -a %s -d '", (*command)->name);
        escape_fish(out, (*command)->summary);
        fputs("'\n", out);
    }
    for (const struct cli_command *const *command = cli_commands; *command != NULL; command++)
        print_fish_command(*command, out);
}

int completion_print(const char *shell, FILE *out)
{
    if (strcmp(shell, "bash") == 0)
        print_bash(out);
    else if (strcmp(shell, "zsh") == 0)
        print_zsh(out);
    else if (strcmp(shell, "fish") == 0)
        print_fish(out);
    else
        return -1;
    return 0;
}
