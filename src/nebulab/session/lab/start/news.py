"""What is new in this version, in a few lines; runs in JupyterLab's process.

They are the lines "In short" of CHANGELOG.md, which is not installed; a test compares them.
"""

NEWS = (
    "The status bar shows what this session uses of its limits; a click on it shows the last hour, GPUs too.",
    "Your work is saved as you type, and the history gets it even if the session is stopped or its machine fails.",
    "Long trainings run on the cluster: `history.train`; close the laptop, and find the model in the history.",
    "Models come back as ONNX, with the proof that they compute the same as yours.",
    "Your Galaxy key stays out of notebooks; `%pip install` can't break the Lab.",
)
