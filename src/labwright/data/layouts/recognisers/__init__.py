"""One file a family of layouts: each recogniser looks at the columns and says what they would be, and how surely."""
