"""The boundary: protected tables and result sets, all that pages read and may leave an enclave."""

from pacte_eval.results.protection import protect, protect_flow
from pacte_eval.results.result_set import ResultSet, write_result_set
from pacte_eval.results.table import Profile, ProtectedTable

__all__ = [
    "Profile",
    "ProtectedTable",
    "ResultSet",
    "protect",
    "protect_flow",
    "write_result_set",
]
