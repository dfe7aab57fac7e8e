from tests.accounts.factories import sign_in
from tests.teleconsult import factories


def test_queue(client, coordinator):
    factories.make_submitted()
    sign_in(client, coordinator)
    r = client.get("/desk/")
    assert r.status_code == 200
    print(r.content.decode())

def test_case(client, coordinator, facility, facility_office):
    case = factories.make_in_triage(coordinator, facility=facility)
    sign_in(client, coordinator)
    r = client.get(f"/desk/{case.reference}/")
    assert r.status_code == 200
    print(r.content.decode())
