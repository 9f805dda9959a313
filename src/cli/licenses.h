/* What `weir --version --licenses` prints. */
#ifndef WEIR_CLI_LICENSES_H
#define WEIR_CLI_LICENSES_H

#include <stdio.h>

void licenses_print(FILE *to);

#endif
