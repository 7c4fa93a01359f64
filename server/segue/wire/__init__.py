"""Bytes in, values out: the codec and the two dialects that stock clients speak. No I/O."""
