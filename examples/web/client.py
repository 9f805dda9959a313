"""Calls the model with the client that openapi-python-client has made: client.py URL TEXT..."""

import sys

from language_client import Client
from language_client.api.default import guess, guess_words
from language_client.models import GuessInput, GuessWordsInput, Problem

url, *texts = sys.argv[1:]
with Client(url) as client:
    for text in texts:
        answer = guess.sync(client=client, body=GuessInput(text))
        if isinstance(answer, Problem):
            print(answer.status, answer.detail)
        elif answer is not None:
            print(f"{answer.language}: {answer.text}")
    words = guess_words.sync(client=client, body=GuessWordsInput("chat cat Katze"))
    if isinstance(words, list):
        print(*(f"{word.text}={word.language}" for word in words))
