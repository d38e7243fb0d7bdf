//! Where each source's evidence is missing, and which clocks disagree.
