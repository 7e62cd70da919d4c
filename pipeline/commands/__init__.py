"""The commands, each in the file of its name: it parses options, calls one function and prints.

The other files are shared by several commands: options (`options`, `settings`, `model_choice`, `reading_options`,
`conditions`, `judged_files`, `training_options`), input (`typed_claims`, `dash_claims`), output (`output`,
`answers`, `figures`, `progress_display`, `help_layout`) and how a command runs (`long_jobs`, `invocation`,
`exit_codes`).
"""
