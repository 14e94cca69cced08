//! trivy-gate.
