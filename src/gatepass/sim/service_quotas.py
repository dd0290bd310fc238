"""service-quotas: longer trust policies, granted at once (quota L-C07B4B0D, up to 8192 characters)."""

from __future__ import annotations

from gatepass.sim.call import Answer, Call, Params, operation

TRUST_POLICY_LENGTH, MOST = "L-C07B4B0D", 8192


@operation("service-quotas", "RequestServiceQuotaIncrease")
def request_increase(call: Call, params: Params) -> Answer:
    """Raises the quota of the caller's account; only the one of trust policies is known."""
    if (params["ServiceCode"], params["QuotaCode"]) != ("iam", TRUST_POLICY_LENGTH):
        raise call.refuse(
            "missing", f"Quota {params['QuotaCode']} of {params['ServiceCode']} is not simulated"
        )
    account, wanted = call.caller.account, int(params["DesiredValue"])
    held = call.world.quotas.get(account, call.settings.trust_policy_quota)
    if not held < wanted <= MOST:
        raise call.refuse("invalid", f"The quota is {held}; {wanted} is not between it and {MOST}")
    call.world.quotas[account] = wanted
    return {
        "RequestedQuota": {
            "Id": call.world.uuid(),
            "ServiceCode": "iam",
            "QuotaCode": TRUST_POLICY_LENGTH,
            "DesiredValue": float(wanted),
            "Status": "APPROVED",
        }
    }
