"""A small model behind HTTP: in which language a text is written.

It learns from a few sentences when the worker starts, so there is nothing to download.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from weir_worker import Error, function, run

Language = Literal["de", "en", "fr"]

SENTENCES: dict[Language, str] = {
    "de": "Guten Morgen, wie geht es Ihnen? Der Hund schläft auf dem Sofa und träumt von einer "
    "Katze, die nicht weit weg ist. Wir gehen heute mit den Kindern in die Stadt.",
    "en": "Good morning, how are you? The dog sleeps on the sofa and dreams of a cat that is not "
    "far away. We will go to the town with the children today.",
    "fr": "Bonjour, comment allez-vous ? Le chien dort sur le canapé et rêve d'un chat qui n'est "
    "pas loin. Nous irons en ville avec les enfants aujourd'hui.",
}


@dataclass
class Guess:
    text: str
    language: Language
    certainty: float


def parts(text: str) -> Counter[str]:
    """How often it has each run of one to three characters."""
    padded = f" {text.lower()} "
    return Counter(
        padded[at : at + length] for length in (1, 2, 3) for at in range(len(padded) - length + 1)
    )


learned = {language: parts(text) for language, text in SENTENCES.items()}
kinds = len(set().union(*learned.values()))


def weigh(text: str) -> Guess:
    scores = {
        language: sum(
            count * math.log((known[part] + 0.1) / (sum(known.values()) + 0.1 * kinds))
            for part, count in parts(text).items()
        )
        for language, known in learned.items()
    }
    best = max(scores, key=lambda language: scores[language])
    others = sum(math.exp(score - scores[best]) for score in scores.values())
    return Guess(text, best, round(1 / others, 3))


@function(idempotent=True)
def guess(text: str) -> Guess:
    """The language of a text."""
    if not text.strip():
        raise Error("there is no text", 1422)
    return weigh(text)


@function(idempotent=True)
def guess_words(text: str) -> Iterator[Guess]:
    """The language of each word, one after the other."""
    for word in text.split():
        yield weigh(word)


@function
def guess_lines(lines: Iterator[str]) -> Iterator[Guess]:
    """The language of each line of a stream."""
    for line in lines:
        yield weigh(line)


run()
