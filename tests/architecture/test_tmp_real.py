import os, subprocess, time, signal, pathlib
def test_x(libvirt_host, tmp_path):
    env={**os.environ,"GUESTWIRE_CONFIG":str(tmp_path/"c.toml")}
    g=".venv/bin/guestwire"; out=pathlib.Path("/tmp/pk/real.out"); log=pathlib.Path("/tmp/pk/real.log")
    lines=[]
    with out.open("w") as f:
        demo=subprocess.Popen([g,"demo"],env=env,stdout=f,stderr=subprocess.STDOUT)
        try:
            until=time.monotonic()+60
            while "Ctrl-C ends" not in out.read_text() and time.monotonic()<until and demo.poll() is None: time.sleep(0.2)
            def r(*a):
                t=time.monotonic(); d=subprocess.run([g,*a],env=env,capture_output=True,text=True,timeout=100); lines.append(f"$ {a} -> {d.returncode} {time.monotonic()-t:.1f}s\n{d.stdout}{d.stderr}")
            r("host","list")
            r("guest","define","real","--name","first","--kernel",libvirt_host.kernel,"--initrd",libvirt_host.initrd,"--cmdline","console=ttyS0 quiet panic=-1 guestwire.name=first","--memory","256","--ready-console","guestwire-guest: up first")
            r("guest","start","real/first","--wait","ready")
            r("guest","list"); r("guest","threads","real/first"); r("--context","demo-real","guest","list")
            r("guest","shutdown","real/first","-y"); r("guest","undefine","real/first","-y"); r("job","list","real")
        finally:
            demo.send_signal(signal.SIGINT); demo.wait(30); log.write_text("\n".join(lines))
