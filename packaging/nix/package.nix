# nix-build -E '(import <nixpkgs> { }).callPackage ./packaging/nix/package.nix { }'
{ lib, python3Packages, qt6, iproute2, lsof }:

python3Packages.buildPythonApplication {
  pname = "netwatch-tray";
  version = "0.1.0";
  pyproject = true;
  src = lib.cleanSource ../..;

  build-system = [ python3Packages.hatchling ];
  dependencies = with python3Packages; [
    jeepney
    msgspec
    psutil
    publicsuffixlist
    pyside6
    pystray
    textual
    tomlkit
  ];
  # nixpkgs has one version of each, and all of Qt for Python under the name pyside6.
  pythonRelaxDeps = true;
  pythonRemoveDeps = [ "pyside6-essentials" ];

  nativeBuildInputs = [ qt6.wrapQtAppsHook ];
  buildInputs = [ qt6.qtbase qt6.qtsvg qt6.qtwayland ];
  dontWrapQtApps = true;
  preFixup = ''
    makeWrapperArgs+=("''${qtWrapperArgs[@]}" --suffix PATH : ${lib.makeBinPath [ iproute2 lsof ]})
  '';

  postInstall = ''
    install -Dm644 assets/linux/netwatch-tray.desktop -t $out/share/applications
    install -Dm644 assets/netwatch-tray.svg -t $out/share/icons/hicolor/scalable/apps
    install -Dm644 assets/netwatch-tray-symbolic.svg -t $out/share/icons/hicolor/symbolic/apps
    cp -r assets/tray/hicolor $out/share/icons/
  '';

  # The tests start X servers, panels and network namespaces.
  doCheck = false;
  pythonImportsCheck = [ "netwatch_tray.cli" ];

  meta = {
    description = "Live network rates in the macOS menu bar and the Linux tray";
    license = lib.licenses.mit;
    mainProgram = "netwatch-tray";
    platforms = lib.platforms.linux;
  };
}
