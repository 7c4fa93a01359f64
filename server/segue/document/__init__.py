"""The CRDT and the gate in front of it. The only package that imports pycrdt. No I/O."""
