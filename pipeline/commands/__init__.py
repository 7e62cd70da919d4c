"""The commands, each in the file of its name: it parses options, calls one function, prints.

The other files hold what several commands share: their options (`options`, `settings`, `model_choice`, `judged_files`,
`training_options`), what they read (`typed_claims`) and write (`output`, `wording`, `answers`, `figures`), and how they
run (`long_jobs`, `invocation`, `exit_codes`).
"""
