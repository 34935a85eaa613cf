from __future__ import annotations

from windows.signature import signer

# What osslsigncode 2.9 prints, shortened in the middle.
REPORT = """\
Current message digest    : 03A6DEA94B64BA8F41B4296225B622C1FB1008E5FE20ACD318AA78070F2BB96A
Calculated message digest : 03A6DEA94B64BA8F41B4296225B622C1FB1008E5FE20ACD318AA78070F2BB96A

Signer's certificate:
	------------------
	Signer #0:
		Subject: /C=US/ST=Oregon/L=Beaverton/O=Python Software Foundation/CN=Python Software Foundation
		Issuer : /C=US/O=DigiCert, Inc./CN=DigiCert Trusted G4 Code Signing RSA4096 SHA384 2021 CA1

Timestamp verified using:
	------------------
	Signer #2:
		Subject: /C=US/O=DigiCert Inc/OU=www.digicert.com/CN=DigiCert Trusted Root G4

Timestamp Server Signature verification: ok
Signature verification: ok

Number of verified signatures: 1
Succeeded
"""


def test_the_signer_is_the_first_certificate_and_not_the_authority() -> None:
    assert signer(REPORT) == "Python Software Foundation"


def test_a_good_time_stamp_does_not_make_a_bad_signature_good() -> None:
    assert signer(REPORT.replace("\nSignature verification: ok", "\nSignature verification: failed")) is None


def test_a_file_without_a_signature_has_no_signer() -> None:
    assert signer("PE checksum   : 00000000\nNo signature found\nFailed\n") is None
