//! The machine itself, without a driver: its answers, its faults, its clock. No test here waits.
