"""Which language a text is in, offline: by its script, and where several languages share one, by their commonest words.

A detector for sorting training data, not for linguists: two dozen languages, no model, no network, thousands of texts a
second. It would rather not say (None) than guess: code, names, single words and made-up text are in no language.
"""

from labwright.data.languages.telling import LANGUAGES, language_of, name_of

__all__ = ["LANGUAGES", "language_of", "name_of"]
