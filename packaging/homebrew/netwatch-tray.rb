# Installs the disk images that packaging/macos/sign.sh makes. Put in the address and the sums of a release.
cask "netwatch-tray" do
  arch arm: "arm64", intel: "x86_64"

  version "0.1.0"
  sha256 :no_check

  url "https://netwatch-tray.invalid/releases/v#{version}/NetWatch-Tray-#{arch}.dmg"
  name "NetWatch Tray"
  desc "Live network rates in the menu bar"
  homepage "https://netwatch-tray.invalid/"

  depends_on macos: ">= :monterey"

  app "NetWatch Tray.app"
  binary "#{appdir}/NetWatch Tray.app/Contents/MacOS/netwatch-tray"

  uninstall quit: "io.netwatch.tray", launchctl: "io.netwatch.tray"

  zap trash: [
    "~/Library/Application Support/netwatch-tray",
    "~/Library/Caches/netwatch-tray",
    "~/Library/LaunchAgents/io.netwatch.tray.plist",
  ]
end
