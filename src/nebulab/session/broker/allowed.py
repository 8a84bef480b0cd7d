"""What a notebook may ask of Galaxy: the list of requests that the session's broker passes on; runs in the session.

The user's key has all of the user's power, and an administrator's key all of the server's. A notebook works with this
user's histories, datasets, tools, jobs and workflows; whatever is not named here is refused. `docs/broker-routes.md`
shows this list against the routes of a whole Galaxy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Methods, the path below Galaxy's address with its {places}, and the query's names. Names count for requests that
# change something: Galaxy's older routes take any other name of the query for one of the body.
ALLOWED = """
GET                 api/version
GET                 api/configuration
GET                 api/whoami
GET                 api/users/current
GET                 api/users/current/usage
GET                 api/genomes
GET                 api/genomes/{path}
GET                 api/datatypes
GET                 api/datatypes/{path}
GET                 api/licenses
GET                 api/object_stores
GET                 api/events/stream

GET                 api/histories
POST                api/histories  ?view keys
GET                 api/histories/count
GET                 api/histories/deleted
GET                 api/histories/archived
GET                 api/histories/published
GET                 api/histories/shared_with_me
GET                 api/histories/most_recently_used
GET                 api/histories/{id}
PUT                 api/histories/{id}  ?view keys
DELETE              api/histories/{id}  ?purge view keys
POST                api/histories/deleted/{id}/undelete  ?view keys
GET                 api/histories/{id}/citations
GET                 api/histories/{id}/jobs_summary
GET                 api/histories/{id}/tags
GET POST PUT DELETE api/histories/{id}/tags/{name}
GET                 api/histories/{id}/exports
PUT                 api/histories/{id}/exports  ?gzip include_hidden include_deleted force
GET                 api/histories/{id}/exports/{id}
POST                api/histories/{id}/prepare_store_download
POST                api/histories/{id}/copy_contents
POST                api/histories/{id}/archive
PUT                 api/histories/{id}/archive/restore  ?force
GET                 api/histories/{id}/extraction_summary
POST                api/histories/{id}/extract_workflow
POST                api/histories/{id}/materialize
GET                 api/histories/{id}/contents
POST PUT            api/histories/{id}/contents  ?type view keys
GET                 api/histories/{id}/contents/archive
GET                 api/histories/{id}/contents/archive/{name}
PUT                 api/histories/{id}/contents/bulk  ?q qv
GET                 api/histories/{id}/contents/datasets
POST                api/histories/{id}/contents/datasets  ?view keys
GET                 api/histories/{id}/contents/dataset_collections
POST                api/histories/{id}/contents/dataset_collections  ?view keys
GET                 api/histories/{id}/contents/{id}
PUT                 api/histories/{id}/contents/{id}  ?type view keys
DELETE              api/histories/{id}/contents/{id}  ?type purge recursive stop_job
GET                 api/histories/{id}/contents/datasets/{id}
PUT                 api/histories/{id}/contents/datasets/{id}  ?type view keys
DELETE              api/histories/{id}/contents/datasets/{id}  ?type purge recursive stop_job
GET                 api/histories/{id}/contents/dataset_collections/{id}
PUT                 api/histories/{id}/contents/dataset_collections/{id}  ?type view keys
DELETE              api/histories/{id}/contents/dataset_collections/{id}  ?type purge recursive stop_job
GET                 api/histories/{id}/contents/dataset_collections/{id}/download
GET                 api/histories/{id}/contents/datasets/{id}/jobs_summary
GET                 api/histories/{id}/contents/dataset_collections/{id}/jobs_summary
POST                api/histories/{id}/contents/datasets/{id}/materialize
GET                 api/histories/{id}/contents/{id}/display
GET                 api/histories/{id}/contents/{id}/metadata_file
GET                 api/histories/{id}/contents/{id}/extra_files
GET                 api/histories/{id}/contents/{id}/provenance
GET                 api/histories/{id}/contents/{id}/tags
GET POST PUT DELETE api/histories/{id}/contents/{id}/tags/{name}
PUT                 api/histories/{id}/contents/{id}/validate
PUT                 api/tags

GET                 api/datasets
GET                 api/datasets/{id}
PUT                 api/datasets/{id}  ?view keys
DELETE              api/datasets/{id}  ?purge recursive stop_job
GET                 api/datasets/{id}/display
GET                 api/datasets/{id}/metadata_file
GET                 api/datasets/{id}/storage
GET                 api/datasets/{id}/inheritance_chain
GET                 api/datasets/{id}/get_content_as_text
GET                 api/datasets/{id}/content/{name}
GET                 api/datasets/{id}/converted
GET                 api/datasets/{id}/converted/{name}
GET                 api/datasets/{id}/extra_files
GET                 api/datasets/{id}/extra_files/raw/{path}
GET                 api/datasets/{id}/parameters_display
GET                 api/datasets/{id}/metrics
PUT                 api/datasets/{id}/hash  ?hda_ldda
GET                 datasets/{id}/display
GET                 datasets/{id}/display/{path}
GET                 dataset/{id}/display
POST                api/dataset_collections
GET                 api/dataset_collections/{id}
PUT                 api/dataset_collections/{id}  ?view keys
GET                 api/dataset_collections/{id}/download
GET                 api/dataset_collections/{id}/attributes
GET                 api/dataset_collections/{id}/suitable_converters
GET                 api/dataset_collections/{id}/contents/{id}
POST                api/dataset_collections/{id}/copy
POST                api/dataset_collections/{id}/prepare_download
GET                 api/dataset_collection_element/{id}
GET                 api/short_term_storage/{id}
GET                 api/short_term_storage/{id}/ready
GET                 api/tasks/{id}/state
GET                 api/tasks/{id}/result

OPTIONS POST        api/upload/resumable_upload
OPTIONS HEAD PATCH DELETE api/upload/resumable_upload/{id}

GET POST            api/tools
POST                api/tools/fetch
GET                 api/tools/{tool}
GET                 api/tools/{tool}/build
POST                api/tools/{tool}/build
GET                 api/tools/{tool}/inputs
GET                 api/tools/{tool}/citations
GET                 api/tools/{tool}/requirements
GET                 api/tools/{tool}/xrefs
GET                 api/tools/{tool}/icon
GET                 api/tool_panels
GET                 api/tool_panels/{name}
GET                 api/tool_requests/{id}
GET                 api/tool_requests/{id}/state

GET POST            api/jobs
GET DELETE          api/jobs/{id}
POST                api/jobs/search
GET                 api/jobs/{id}/inputs
GET                 api/jobs/{id}/outputs
GET                 api/jobs/{id}/metrics
GET                 api/jobs/{id}/stdout
GET                 api/jobs/{id}/stderr
GET                 api/jobs/{id}/console_output
GET                 api/jobs/{id}/common_problems
GET                 api/jobs/{id}/parameters_display
GET                 api/jobs/{id}/build_for_rerun
PUT                 api/jobs/{id}/resume

GET POST            api/workflows
GET                 api/workflows/menu
GET                 api/workflows/{id}
PUT                 api/workflows/{id}  ?instance
DELETE              api/workflows/{id}
POST                api/workflows/upload
POST                api/workflows/import
POST                api/workflows/extract
POST                api/workflows/{id}/undelete
GET                 api/workflows/{id}/download
GET                 api/workflows/download/{id}
GET                 api/workflows/{id}/versions
GET                 api/workflows/{id}/counts
GET                 api/workflows/{id}/tags
GET POST PUT DELETE api/workflows/{id}/tags/{name}
PUT                 api/workflows/{id}/refactor  ?instance
GET POST            api/workflows/{id}/invocations
GET POST            api/workflows/{id}/usage
GET                 api/workflows/{id}/invocations/{id}
DELETE              api/workflows/{id}/invocations/{id}  ?step_details legacy_job_state
GET                 api/workflows/{id}/usage/{id}
DELETE              api/workflows/{id}/usage/{id}  ?step_details legacy_job_state
GET                 api/workflows/{id}/invocations/{id}/{name}
GET PUT             api/workflows/{id}/invocations/{id}/steps/{id}
GET                 api/invocations
GET                 api/invocations/{id}
DELETE              api/invocations/{id}  ?step_details legacy_job_state
GET                 api/invocations/{id}/{name}
GET                 api/invocations/steps/{id}
GET PUT             api/invocations/{id}/steps/{id}
POST                api/invocations/{id}/prepare_store_download

GET                 api/libraries
GET                 api/libraries/{id}
GET                 api/libraries/{id}/contents
GET                 api/libraries/{id}/contents/{id}
GET                 api/libraries/datasets/{id}
GET                 api/folders/{id}
GET                 api/folders/{id}/contents
"""

_PLACES = {
    # As Galaxy makes them: hexadecimal (folders have an F before it), or a UUID. Never a word: `workflows/menu` is
    # another route than `workflows/{id}`.
    "{id}": r"F?[0-9a-f]+(?:-[0-9a-f]+)*",
    "{name}": r"[^/]+",
    "{path}": r"[^/]+(?:/[^/]+)*",
    # A tool of the server (`Filter1`), or of a tool shed (`host/repos/owner/name/tool/version`).
    "{tool}": r"[^/]+(?:/repos/[^/]+/[^/]+/[^/]+(?:/[^/]+)?)?",
}
# The last part of a tool's address that asks for the administrator's work, or for the files beside the tool.
_NOT_A_TOOL = frozenset(
    [
        "all_requirements",
        "build_dependency_cache",
        "convert",
        "dependencies",
        "diagnostics",
        "download",
        "error_stack",
        "install_dependencies",
        "raw_tool_source",
        "reload",
        "test_data",
        "test_data_download",
        "test_data_path",
        "tests_summary",
        "workbook",
    ]
)

_ACCOUNT = "keys, passwords, preferences and accounts outlive the session"
_ADMINISTRATION = "it is the administrators'"
_JOBS = "only Galaxy's own runners and proxies ask it"
_PAGE = "it belongs to Galaxy's page"
_SESSIONS = "the addresses of the user's other sessions hold their tokens"
_SHARING = "what is shared, published or permitted is decided in Galaxy's page"
_STORES = "it reaches stores outside of Galaxy, with credentials that were given to Galaxy and not to a notebook"
_TOOLS = "it brings tools along, or shows what lies beside them"
_WEB = "it makes Galaxy ask or answer other servers"
_UNUSED = "no notebook has needed it"
# The first that matches counts.
_REASONS: tuple[tuple[str, str], ...] = (
    (r".*/(permissions|sharing|publish|unpublish|slug|share_with_users|(en|dis)able_link_access)(/.*)?", _SHARING),
    (r".*/(write_store|from_store|from_store_async|contents_from_store)", _STORES),
    (r"/api/(users|authenticate|forms)(/.*|\..*)?", _ACCOUNT),
    (r"/api/entry_points(/.*)?", _SESSIONS),
    (r"/api/(remote_files|ftp_files|file_source\w*|object_store\w+|drs_download|exports)(/.*)?", _STORES),
    (r"/api/(unprivileged|dynamic)_tools(/.*)?|/api/tools/.*|/api/workflows/build_module", _TOOLS),
    (r"/api/(job_files|upload/hooks)(/.*)?|/api/jobs/[^/]+/(files|ports|oidc-tokens)(\..*)?", _JOBS),
    (r"/api/(proxy|trs_\w+|wes|help|tool_landings|workflow_landings|data_landings|file_landings)(/.*)?", _WEB),
    (r"/(api/display_applications|ga4gh|oauth2_callback)(/.*)?", _WEB),
    (
        r"/api/(configuration|container_resolvers|dependency_resolvers|display_applications|groups|job_lock|quotas|roles"
        r"|sanitize_allow|tool_data|tool_shed\w*|tool_dependencies|libraries|folders)(/.*|\..*)?"
        r"|/api/jobs/[^/]+/destination_params|/api/object_stores/.*|/api/datasets/[^/]+/object_store_id"
        r"|/api/histories/[^/]+/contents/bulk/storage/.*",
        _ADMINISTRATION,
    ),
    (r"/api/(ai|chat|events|notifications|pages|plugins|tours|visualizations|webhooks)(/.*|\..*)?", _PAGE),
    (r"/api/docs|/api/redoc|(?!/api/).*", _PAGE),
)


@dataclass(frozen=True)
class Route:
    """A request of the list: its query's names, where they count."""

    names: frozenset[str]


def _compiled(text: str) -> dict[str, list[tuple[re.Pattern[str], Route]]]:
    """Return the expressions of each method."""
    found: dict[str, list[tuple[re.Pattern[str], Route]]] = {}
    for line in filter(None, text.split("\n")):
        request, _, names = line.partition("?")
        *methods, path = request.split()
        pattern = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
        for place, expression in _PLACES.items():
            pattern = pattern.replace(place, expression)
        entry = re.compile(f"/{pattern}"), Route(frozenset(names.split()))
        for method in methods:
            found.setdefault(method, []).append(entry)
            if method == "GET":
                found.setdefault("HEAD", []).append(entry)
    return found


_ROUTES = _compiled(ALLOWED)
_WHY = tuple((re.compile(pattern), reason) for pattern, reason in _REASONS)


def find(method: str, path: str) -> Route | None:
    """Return the entry of the list that a request, its path decoded, is one of."""
    if path.startswith("/api/tools/") and path.rsplit("/", 1)[1] in _NOT_A_TOOL:
        return None
    return next((route for pattern, route in _ROUTES.get(method, ()) if pattern.fullmatch(path)), None)


def reason(path: str) -> str:
    """Return why a path that is not on the list is not."""
    return next((reason for pattern, reason in _WHY if pattern.fullmatch(path)), _UNUSED)
