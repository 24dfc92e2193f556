"""How designs are shown: their table, their messages, their picture, their certificate."""
