"""Public: the fakes and conformance suites that gatepass and its users test with."""
