"""What equipment is: the states that IPC-2591 CFX names, and what SEMI E10 counts them as."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class E10(StrEnum):
    """The six basic states of SEMI E10, into which all time of a piece of equipment falls."""

    PRODUCTIVE = "PRD"
    STANDBY = "SBY"
    ENGINEERING = "ENG"
    SCHEDULED_DOWN = "SDT"
    UNSCHEDULED_DOWN = "USD"
    NON_SCHEDULED = "NST"


class ResourceState(StrEnum):
    """The resource states of IPC-2591 (CFX.Structures.ResourceState); the part before "_" is its E10 state.

    The standard's own spelling stays, "Maintentance" too: it is what machines send.
    """

    PRD = "PRD"
    PRD_REGULAR_WORK = "PRD_RegularWork"
    PRD_WORK_FOR_THIRD_PARTIES = "PRD_WorkForThirdParties"
    PRD_REWORK = "PRD_Rework"
    PRD_ENGINEERING = "PRD_Engineering"
    SBY = "SBY"
    SBY_NO_OPERATOR = "SBY_NoOperator"
    SBY_NO_PRODUCT = "SBY_NoProduct"
    SBY_NO_PRODUCT_BLOCKED = "SBY_NoProductBlocked"
    SBY_NO_PRODUCT_STARVED = "SBY_NoProductStarved"
    SBY_NO_SUPPORT_TOOL = "SBY_NoSupportTool"
    SBY_ASSOCIATED_CLUSTER_MODULE_DOWN = "SBY_AssociatedClusterModuleDown"
    SBY_NO_HOST = "SBY_NoHost"
    ENG = "ENG"
    ENG_PROCESS_EXPERIMENTS = "ENG_ProcessExperiments"
    ENG_EQUIPMENT_EXPERIMENTS = "ENG_EquipmentExperiments"
    SDT = "SDT"
    SDT_USER_MAINTENANCE_DELAY = "SDT_UserMaintenanceDelay"
    SDT_SUPPLIED_MAINTENANCE_DELAY = "SDT_SuppliedMaintenanceDelay"
    SDT_PREVENTIVE_MAINTENANCE = "SDT_PreventiveMaintenance"
    SDT_CHANGE_OF_CONSUMABLES = "SDT_ChangeOfConsumables"
    SDT_SETUP = "SDT_Setup"
    SDT_PRODUCTION_TEST = "SDT_ProductionTest"
    SDT_FACILITIES_RELATED = "SDT_FacilitiesRelated"
    USD = "USD"
    USD_USER_MAINTENANCE_DELAY = "USD_UserMaintentanceDelay"
    USD_SUPPLIED_MAINTENANCE_DELAY = "USD_SuppliedMaintenanceDelay"
    USD_REPAIR = "USD_Repair"
    USD_OUT_OF_SPEC_INPUT_MATERIAL = "USD_OutOfSpecInputMaterial"
    USD_CHANGE_OF_CONSUMABLES = "USD_ChangeOfConsumables"
    USD_FACILITIES_RELATED = "USD_FacilitiesRelated"
    NST = "NST"
    NST_UNWORKED_SHIFTS = "NST_UnworkedShifts"
    NST_EQUIPMENT_INSTALLATION = "NST_EquipmentInstallation"
    NST_EQUIPMENT_MODIFICATIONS = "NST_EquipmentModifications"
    NST_OFFLINE_TRAINING = "NST_OfflineTraining"
    NST_SHUTDOWN_AND_STARTUP = "NST_ShutdownAndStartup"

    @property
    def e10(self) -> E10:
        """What SEMI E10 counts this state as."""
        return E10(self.value[:3])

    @property
    def is_up(self) -> bool:
        """Whether the equipment can do its job: E10 counts productive, standby and engineering as uptime."""
        return self.e10 in _UP


_UP = frozenset({E10.PRODUCTIVE, E10.STANDBY, E10.ENGINEERING})


class CalibrationResult(StrEnum):
    """What a calibration found. After FAIL the equipment is due at once."""

    PASS = "PASS"  # noqa: S105  a result of an inspection
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class StateReport:
    """That a piece of equipment is in `state` from `at` on; None is unknown, as after a lost connection."""

    state: ResourceState | None
    at: datetime
    reason: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class StateSpan:
    """A time in one state: from `started_at` to `ended_at`, which is None while it lasts."""

    id: int
    state: ResourceState | None
    started_at: datetime
    ended_at: datetime | None
    reason: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """A calibration that was made, and when the next is due."""

    calibrated_at: datetime
    due_at: datetime
    result: CalibrationResult
    performed_by: str
    certificate: str | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Equipment:
    """A machine or gauge as it is stored. `calibration_due_at` None: it needs no calibration."""

    id: int
    code: str
    name: str
    process: str | None
    station: str | None
    state: ResourceState | None
    state_since: datetime | None
    calibration_due_at: datetime | None
    is_active: bool
