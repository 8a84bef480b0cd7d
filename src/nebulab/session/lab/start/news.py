"""What is new in this version, in a few lines; runs in JupyterLab's process.

They are the lines "In short" of CHANGELOG.md, which is not installed; a test compares them.
"""

NEWS = (
    "Your data is in the Galaxy panel on the left: look into it, drag it into a notebook, upload, without code.",
    "The button Run on the cluster sends a notebook; the panel Trainings shows cell, log, memory and results.",
    "Pipelines of notebooks are drawn in the Lab, and run here or on Galaxy; a notebook opens as an app.",
    "The status bar shows what this session uses of its limits; a click on it shows the last hour, GPUs too.",
    "Your work is saved as you type, and the history gets it even if the session is stopped or its machine fails.",
    "Models come back as ONNX, with the proof that they compute the same as yours.",
)
