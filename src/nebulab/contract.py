"""What two processes agree on, each name told once; runs everywhere, and imports nothing.

Shell scripts, container files and tool XML keep literals, and so does what runs without this package (`deploy/`): tests
compare them with this list. The text below a variable's name goes into `docs/settings.md` where no setting declares it.
"""

ISOLATIONS = ("auto", "bubblewrap", "container", "none")
"""What sessions may be asked to run in."""
CONTAINER_PORT = 8888
"""The port that the tool XML names; also the key under which Galaxy expects the real one."""
RUNTIME_REPORT_FILE = "container_runtime.json"
"""The file in a job's folder by which Galaxy learns where an entry point is."""
FIRST_PAGE = "Start here.ipynb"
"""The notebook that a fresh session opens; the page "Welcome" lies before it."""
INPUTS_FILE = "galaxy_inputs.json"
"""The tool's inputs: as Galaxy tells them to a session, and as a session tells them to its kernels."""
HARVEST_REPORT = "harvest.json"
"""Every variable of a notebook that ran without a browser, and what became of it."""
MODEL_PREFIX = "onnx_model_"
"""Before the name of the variable, the name of an exported model in Galaxy."""
KERAS2 = "python3-keras2"
"""The kernelspec whose TensorFlow has Keras 2, as notebooks of the tool's versions before 1.0 need it."""
LEGACY_KERAS = "TF_USE_LEGACY_KERAS"
"""TensorFlow's own variable: with 1 `tensorflow.keras` is Keras 2, of the package tf-keras."""
LAB_TOOL = "interactive_tool_ml_jupyter_notebook"
"""The Galaxy tool that opens a session."""
JOB_TOOL = "run_jupyter_job"
"""The Galaxy tool that runs a notebook or a script as a job."""
STEP_FILES = "step_files"
"""The folder of a job's results, and the tool's output, with the files for a pipeline's later steps."""
WORKER_TASKS, WORKER_ALIVE = "tasks", "alive"
"""The worker's sockets: for requests, and the one that says whether it answers."""
DOOR_GALAXY, DOOR_ENTRANCE, DOOR_EGRESS = "galaxy", "door", "egress"
"""The door's sockets: to Galaxy, for people who come in, and out to the internet."""
DOOR_FOLDER = "/run/nebulab"
"""Where a container finds the door's sockets."""
KEY_FILE_NAME = "nebulab-key"
TICKET_FILE_NAME = "nebulab-ticket"
"""The files, in a job's working folder, in which `engine.sh` hands over what no environment may show."""
ENVIRONMENT_STAMP = "nebulab-stamp.json"
"""In an environment that `nebulab up` installed: what is in it. By it kernels know that `up` can bring more."""
ENVIRONMENT_IN_USE = "nebulab-in-use"
"""The lock file in a kernels' environment that its sessions share; what replaces the environment waits for them."""
KEPT_WITH_FOLDER, KEPT_WITH_SESSION = "folder", "session"
"""What KEPT may be: how long the user's own packages last."""


def runtime_report(host: str, port: int) -> dict[str, dict[str, object]]:
    """Return, for JSON, what Galaxy reads in RUNTIME_REPORT_FILE: the entry point is `port` of `host`."""
    record = {"tool_port": CONTAINER_PORT, "host": host, "port": port, "protocol": "tcp"}
    return {str(CONTAINER_PORT): record}


CELL_RAN = r"^[\d:]+  cell (\d+)/(\d+) ran in .*?  (.*)$"
"""How `history.train` finds in a job's log what `cell_ran` made: the cell's number, their count, what the run uses."""


def model_element(variable: str) -> str:
    """Return the name that the model of a variable has in Galaxy."""
    return f"{MODEL_PREFIX}{variable}.onnx"


def cell_ran(number: int, count: int, time: str, usage: str) -> str:
    """Return the log's line of a cell that is done; the log puts the time since the start before it."""
    return f"cell {number}/{count} ran in {time}  {usage}"


def job_tag(job_id: str) -> str:
    """Return the tag of what the session of a job that Galaxy lost brought into the history by itself."""
    return f"nebulab-job-{job_id}"


# A session's settings.
CLONE_SCHEMES = "NEBULAB_CLONE_SCHEMES"
CLONE_SECONDS = "NEBULAB_CLONE_SECONDS"
DISK_MB = "NEBULAB_DISK_MB"
DOOR = "NEBULAB_DOOR"
EGRESS = "NEBULAB_EGRESS"
GALAXY_SOCKET = "NEBULAB_GALAXY_SOCKET"
GPU_IDLE_MINUTES = "NEBULAB_GPU_IDLE_MINUTES"
GPU_MEMORY_MB = "NEBULAB_GPU_MEMORY_MB"
GPU_IDLE_THEN = "NEBULAB_GPU_IDLE_THEN"
GPU_KEEP_MINUTES = "NEBULAB_GPU_KEEP_MINUTES"
HIDE = "NEBULAB_HIDE"
HOURS_THEN = "NEBULAB_HOURS_THEN"
IDLE_MINUTES = "NEBULAB_IDLE_MINUTES"
ISOLATION = "NEBULAB_ISOLATION"
JOB_ID = "NEBULAB_JOB_ID"
KERNELS = "NEBULAB_KERNELS"
KEY_FILE = "NEBULAB_KEY_FILE"
MAX_OUTPUTS = "NEBULAB_MAX_OUTPUTS"
PORT = "NEBULAB_PORT"
PORTAL = "NEBULAB_PORTAL"
PRELOAD = "NEBULAB_PRELOAD"
RUNTIME_REPORT = "NEBULAB_RUNTIME_REPORT"
SHOW = "NEBULAB_SHOW"
STATE = "NEBULAB_STATE"
TICKET_FILE = "NEBULAB_TICKET_FILE"
WATCH_SECONDS = "NEBULAB_WATCH_SECONDS"

# A kernel's.
CACHE = "NEBULAB_CACHE"
INPUTS = "NEBULAB_INPUTS"
PATIENCE_SECONDS = "NEBULAB_PATIENCE_SECONDS"

# The stack's, the Lab's on a person's own machine, the tests'.
DATA_DIR = "NEBULAB_DATA_DIR"
ENVIRONMENTS = "NEBULAB_ENVIRONMENTS"
PYTHON = "NEBULAB_PYTHON"
TEST_REQUIRE_ALL = "NEBULAB_TEST_REQUIRE_ALL"
TEST_SCREENSHOTS = "NEBULAB_TEST_SCREENSHOTS"
TEST_STACK = "NEBULAB_TEST_STACK"

# The portal's.
PORTAL_ACCESS_DAYS = "NEBULAB_PORTAL_ACCESS_DAYS"
PORTAL_CONTACT = "NEBULAB_PORTAL_CONTACT"
PORTAL_DATABASE = "NEBULAB_PORTAL_DATABASE"
PORTAL_DIR = "NEBULAB_PORTAL_DIR"
PORTAL_DOMAINS_FILE = "NEBULAB_PORTAL_DOMAINS_FILE"
PORTAL_FROM = "NEBULAB_PORTAL_FROM"
PORTAL_GALAXY = "NEBULAB_PORTAL_GALAXY"
PORTAL_GALAXY_DATABASE = "NEBULAB_PORTAL_GALAXY_DATABASE"
PORTAL_GALAXY_PUBLIC = "NEBULAB_PORTAL_GALAXY_PUBLIC"
PORTAL_GROUP = "NEBULAB_PORTAL_GROUP"
PORTAL_HOST = "NEBULAB_PORTAL_HOST"
PORTAL_IDLE_HOURS = "NEBULAB_PORTAL_IDLE_HOURS"
PORTAL_JOB_GPUS = "NEBULAB_PORTAL_JOB_GPUS"
PORTAL_KEY_FILE = "NEBULAB_PORTAL_KEY_FILE"
PORTAL_LONGEST_DAYS = "NEBULAB_PORTAL_LONGEST_DAYS"
PORTAL_METRICS_TOKEN_FILE = "NEBULAB_PORTAL_METRICS_TOKEN_FILE"  # noqa: S105 - a variable's name
PORTAL_OIDC = "NEBULAB_PORTAL_OIDC"
PORTAL_OIDC_CLIENT = "NEBULAB_PORTAL_OIDC_CLIENT"
PORTAL_OIDC_HOURS = "NEBULAB_PORTAL_OIDC_HOURS"
PORTAL_OIDC_NAME = "NEBULAB_PORTAL_OIDC_NAME"
PORTAL_OIDC_SECRET_FILE = "NEBULAB_PORTAL_OIDC_SECRET_FILE"  # noqa: S105 - a variable's name
PORTAL_POOL = "NEBULAB_PORTAL_POOL"
PORTAL_PORT = "NEBULAB_PORTAL_PORT"
PORTAL_REMIND_DAYS = "NEBULAB_PORTAL_REMIND_DAYS"
PORTAL_ROLE = "NEBULAB_PORTAL_ROLE"
PORTAL_SESSION = "NEBULAB_PORTAL_SESSION"
PORTAL_SMTP = "NEBULAB_PORTAL_SMTP"
PORTAL_SMTP_PASSWORD_FILE = "NEBULAB_PORTAL_SMTP_PASSWORD_FILE"  # noqa: S105 - a variable's name
PORTAL_TICKET_KEY_FILE = "NEBULAB_PORTAL_TICKET_KEY_FILE"
PORTAL_URL = "NEBULAB_PORTAL_URL"

# Set by one of Nebulab's processes for another.
CODE_SHA256 = "NEBULAB_CODE_SHA256"
"""The SHA-256 of a notebook's code, for model cards; set by `nebulab run`."""
GALAXY_PAGE = "NEBULAB_GALAXY_PAGE"
"""Galaxy's own address, for links that people open, or nothing without a Galaxy; set by the session, for JupyterLab."""
GPUS = "NEBULAB_GPUS"
"""The GPUs that a session or a job was given, for model cards; set by the session."""
HOURS_TICKET = "NEBULAB_HOURS_TICKET"
"""The ticket by which a session asks the portal for its user's GPU hours; set by the rules for TPV."""
KEPT = "NEBULAB_KEPT"
"""How long the user's own packages last, `session` or `folder`; set by the session, for `nebulab packages`."""
OVERLAY = "NEBULAB_OVERLAY"
"""The folder of the user's own packages; set by the session, for `nebulab packages`."""
SESSION = "NEBULAB_SESSION"
"""Where JupyterLab asks for the session's state; set by the session."""
STACK = "NEBULAB_STACK"
"""Which stack a process belongs to; set by `nebulab up`, which finds its processes by it."""
START_PAGE = "NEBULAB_START_PAGE"
"""The file that JupyterLab opens first; set by the session."""
TICKETS = "NEBULAB_TICKETS"
"""The folder of the door's tickets; set by a Galaxy destination, for `engine.sh`."""
VARIANT = "NEBULAB_VARIANT"
"""Which variant of the image this is; set in the image, for its checks."""
WIDGETS = "NEBULAB_WIDGETS"
"""Where the kernels' widgets have the page's part of their version; set by the session, for JupyterLab."""
