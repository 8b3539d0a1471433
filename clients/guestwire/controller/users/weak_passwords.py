"""Passwords that everybody tries first, without their digits and signs, in small letters: long ones are made of them."""

_WORDS = """
    abc abcabc abcd abcdef abcdefg abcdefgh abcdefghi abcdefghij abcdefghijkl access admin adminadmin administrator angel
    asdf asdfasdf asdfgh asdfghjkl azerty baseball batman changeit changeme changemenow computer controller default
    dragon facebook football freedom geheim gfhjkm google guest guestwire guestwireadmin hallo hello helloworld hypervisor
    iloveyou instagram internet iloveu jesus jordan kennwort killer letmein letmeinletmein linux login loveme master
    master michael monkey mustang mynoob mypassword nopassword operator pass passpass passphrase passw passwd password
    passwordpassword passwort passwortpasswort princess qazwsx qazwsxedc qwerasdf qwert qwertqwert qwerty qwertyqwerty
    qwertyuiop qwertz qwertzuiop realtime root rootroot secret secretsecret server shadow sommer starwars summer sunshine
    superman superuser system test tester testing testtest thisisapassword trustno ubuntu user username useruser welcome
    welcomewelcome whatever willkommen winter wwwwww yxcvbnm zaqwsx zaqxsw zxcvbn zxcvbnm
"""

COMMON = frozenset(_WORDS.split())
