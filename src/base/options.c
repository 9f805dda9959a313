#include "config.h"

#include "base/options.h"

#include <string.h>

#include "base/error.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void weir__options_init(void *given, size_t given_size, const void *defaults, size_t our_size)
{
    if (given_size < sizeof given_size)
        return;
    memset(given, 0, given_size);
    memcpy(given, defaults, smaller(given_size, our_size));
    memcpy(given, &given_size, sizeof given_size);
}

int weir__options_take(void *ours, size_t our_size, const void *given, const char *noun,
                       struct weir_error *error)
{
    size_t size;

    if (given == NULL)
        return 0;
    memcpy(&size, given, sizeof size);
    if (size < WEIR__OPTIONS_LEAST || size > WEIR__OPTIONS_MOST)
        return weir__fail(error, WEIR_ERR_INVALID, 0,
                          "struct %s has size %zu: initialise it with %s_init()", noun, size, noun);
    for (size_t i = our_size; i < size; i++)
        if (((const unsigned char *)given)[i] != 0)
            return weir__fail(error, WEIR_ERR_INVALID, 0,
                              "struct %s has a member at byte %zu that this libweir does not know: "
                              "leave it 0, or run with the version of libweir whose headers the "
                              "program was built with",
                              noun, i);
    memcpy(ours, given, smaller(size, our_size));
    memcpy(ours, &our_size, sizeof our_size);
    return 0;
}
